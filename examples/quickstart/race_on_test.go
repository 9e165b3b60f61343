//go:build race

package main

// raceFlag builds the program as its tests were built.
const raceFlag = "-race=true"
