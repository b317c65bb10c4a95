"""Users' own data: tables of labels in any encoding, names that nearly match, folders with other files in them."""
