"""The ground floor: the clock, what happened, what a human must do, rules, refusals, answers."""
