"""What people bring: tables of labels in any encoding, names that do not match, folders of all sorts of files."""
