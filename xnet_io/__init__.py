"""Files: radiographs, masks and label maps, read and written; data sets made of them."""
