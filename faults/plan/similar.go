package plan

import (
	"slices"
	"strings"
)

// similar returns the fault or clause that was most likely meant by an unknown word: the
// one with the smallest edit distance, at most two, and less for short words. It returns
// "" if there is none.
func similar(word string) string {
	words := []string{"at", "for", "when", "link", "server", "actor"}
	for _, k := range Kinds() {
		words = append(words, k.String())
	}
	word = strings.ToLower(brief(word))
	distances := make([]int, len(words))
	for i, w := range words {
		distances[i] = distance(word, w)
	}
	if least := slices.Min(distances); least <= min(2, len(word)/3) {
		return words[slices.Index(distances, least)]
	}
	return ""
}

// distance returns how many bytes have to be changed, inserted or deleted to turn one
// text into the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // for the part of a that was looked at
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0] // of a byte less on both sides
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, before+1)
		}
	}
	return row[len(b)]
}
