"""Where a model errs: precision against recall a class, and the clips on which it is most sure and wrong."""
