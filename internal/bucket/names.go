package bucket

// nameMax bounds the name of a bucket, in bytes: that of its stream has a prefix, and at most
// 255 bytes.
const nameMax = 255 - len("OBJ_")

// badName says what is wrong with the name of a bucket; empty for nothing. Letters, digits, '-'
// and '_' are allowed.
func badName(name string) string {
	switch {
	case name == "":
		return "its name is empty"
	case len(name) > nameMax:
		return "its name is too long"
	}
	for i := range len(name) {
		if !nameByte(name[i]) {
			return "its name has a character other than letters, digits, '-' and '_'"
		}
	}
	return ""
}

func nameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}
