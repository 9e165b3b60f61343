//go:build race

package proof_test

// raceEnabled says that everything takes several times as long.
const raceEnabled = true
