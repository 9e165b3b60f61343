package faults

// Leftovers returns the stacks of goroutines that are left in the caller's bubble.
func Leftovers() []string { return leftovers() }
