// Package job has the messages between the processes of a benchmark.
//
//	bench ──Job──► worker ──Result──► bench       one JSON document each, stdin and stdout
//	bench ◄──Address── stub | server              one JSON line when they listen; they end with stdin
//	worker ──control line──► stub                 see package stub
package job
