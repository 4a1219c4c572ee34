"""One thing changed at a time: augmentation, training, seeds, views; each ``python -m``-runnable.

The networks are the comparison's own or trained like them, and all are scored on the evaluation
population of `make population`. An interrupted call goes on where it was: a network that is
finished is not trained again, nor scored again on the same images.
"""
