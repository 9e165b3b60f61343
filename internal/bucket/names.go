package bucket

// nameMax is how long the name of a bucket may be: its stream has a prefix, and 255 bytes
// at the most.
const nameMax = 255 - len("OBJ_")

// badName says what is wrong with the name of a bucket, empty for nothing: letters, digits,
// '-' and '_' are allowed.
func badName(name string) string {
	switch {
	case name == "":
		return "its name is empty"
	case len(name) > nameMax:
		return "its name is too long"
	}
	for i := range len(name) {
		if !nameByte(name[i]) {
			return "its name has something else than letters, digits, '-' and '_'"
		}
	}
	return ""
}

func nameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}
