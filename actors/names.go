package actors

import "strconv"

// decimal is the number as part of a name.
func decimal(n uint64) string { return strconv.FormatUint(n, 10) }
