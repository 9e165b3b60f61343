package jetstream

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// word returns the word of an enumeration's value, or none for a value without a word.
func word(words []string, value int, none string) string {
	if value < 0 || value >= len(words) {
		return none
	}
	return words[value]
}

// marshalWord returns the JSON form of an enumeration's value. The name of the
// enumeration is for the error, which is an ErrUnknownValue.
func marshalWord(name string, words []string, value int) ([]byte, error) {
	if value < 0 || value >= len(words) {
		return nil, fmt.Errorf("%s %d: %w", name, value, ErrUnknownValue)
	}
	return strconv.AppendQuote(nil, words[value]), nil
}

// unmarshalWord returns the value that a JSON string stands for, whatever its case.
// Anything else is an ErrUnknownValue.
func unmarshalWord(name string, words []string, data []byte) (int, error) {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return 0, fmt.Errorf("%s %.64q: %w", name, data, ErrUnknownValue)
	}
	value := slices.Index(words, strings.ToLower(text))
	if value < 0 {
		return 0, fmt.Errorf("%s %.64q: %w", name, text, ErrUnknownValue)
	}
	return value, nil
}

// readWord sets an enumeration to the value that a JSON string stands for.
func readWord[E ~int | ~uint8](e *E, name string, words []string, data []byte) error {
	value, err := unmarshalWord(name, words, data)
	if err == nil {
		*e = E(value)
	}
	return err
}
