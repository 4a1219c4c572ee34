"""Search for a recipe: train many short networks that differ in some way, keep a record of each."""
