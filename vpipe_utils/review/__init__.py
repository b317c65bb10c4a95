"""New clips: what trained models say of them, where and when it shows, how far to trust it, and pages to look at it;
and a browser of labelled clips for notebooks."""
