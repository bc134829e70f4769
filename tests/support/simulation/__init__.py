"""The production host on a virtual clock, with one seed for everything: faults, load, checkers, mutants."""
