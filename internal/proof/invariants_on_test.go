//go:build invariants

package proof_test

// poisons says that borrowed messages are overwritten when they are given back.
const poisons = true
