package actors

import "strconv"

// decimal returns n in decimal, as part of a name.
func decimal(n uint64) string { return strconv.FormatUint(n, 10) }
