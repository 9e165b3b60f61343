package jetstream

import (
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/protocol"
)

const (
	nameBytesMax        = 255       // of a stream or a consumer, JSMaxNameLen of the server
	descriptionBytesMax = 4 << 10   // JSMaxDescriptionLen
	metadataBytesMax    = 128 << 10 // JSMaxMetadataLen, keys and values
)

// checkStreamName returns an ErrStreamNameRequired or an ErrInvalidStreamName unless a
// stream can have that name.
func checkStreamName(name string) error {
	if name == "" {
		return &NameError{Reason: "is empty", Err: ErrStreamNameRequired}
	}
	return checkName(name, ErrInvalidStreamName)
}

// checkConsumerName returns an ErrInvalidConsumerName unless a consumer can have that
// name.
func checkConsumerName(name string) error { return checkName(name, ErrInvalidConsumerName) }

// checkNames checks the names that go into the subject of a consumer's call.
func checkNames(stream, consumer string) error {
	return firstError(checkStreamName(stream), checkConsumerName(consumer))
}

// checkName returns a *NameError of that kind unless a stream or consumer can have the
// name.
func checkName(name string, invalid error) error {
	switch {
	case name == "":
		return &NameError{Reason: "is empty", Err: invalid}
	case len(name) > nameBytesMax:
		return &NameError{Name: name, Reason: "has more than 255 bytes", Err: invalid}
	case strings.ContainsAny(name, `.*>\/`), strings.ContainsFunc(name, isBlank):
		return &NameError{Name: name, Reason: `has a blank or one of . * > \ /`, Err: invalid}
	default:
		return nil
	}
}

func isBlank(c rune) bool { return c <= ' ' || c == 0x7f }

// checkSubject returns an ErrInvalidSubject unless subject, which may have wildcards, is valid.
func checkSubject(subject string) error {
	if err := protocol.CheckSubscribeSubject(subject); err != nil {
		return &NameError{Name: subject, Reason: "is not a valid subject: " + plain(err), Err: ErrInvalidSubject}
	}
	return nil
}

// checkConfigSubject is checkSubject for a field of a config.
func checkConfigSubject(asset, name, field, subject string) error {
	if err := checkSubject(subject); err != nil {
		return &ConfigError{Asset: asset, Name: name, Field: field, Reason: "has " + strconv.Quote(subject) + ", which is not a valid subject", Kind: err}
	}
	return nil
}

// overlap reports whether there is a subject that both patterns match.
func overlap(a, b string) bool {
	for {
		headA, restA, moreA := strings.Cut(a, ".")
		headB, restB, moreB := strings.Cut(b, ".")
		switch {
		case headA == ">" || headB == ">":
			return true
		case headA != headB && headA != "*" && headB != "*":
			return false
		case !moreA || !moreB:
			return moreA == moreB
		}
		a, b = restA, restB
	}
}

// firstOverlap returns the first two of the patterns that overlap.
func firstOverlap(patterns []string) (a, b string, found bool) {
	for i, a := range patterns {
		for _, b := range patterns[i+1:] {
			if overlap(a, b) {
				return a, b, true
			}
		}
	}
	return "", "", false
}

// metadataSize returns how many bytes metadata has.
func metadataSize(metadata map[string]string) int {
	size := 0
	for key, value := range metadata {
		size += len(key) + len(value)
	}
	return size
}
