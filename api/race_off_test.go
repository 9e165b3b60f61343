//go:build !race

package api_test

// raced divides what a test repeats: the race detector makes everything slower.
const raced = 1
