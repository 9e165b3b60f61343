package wire

import "math/bits"

// mix scatters the bits of x, so that close numbers become unrelated: the finaliser of
// SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// draw combines several numbers into one, so that what is drawn depends only on them: not
// on how a stream was cut, nor on what else was drawn before.
func draw(of ...uint64) uint64 {
	var h uint64
	for _, x := range of {
		h = mix(bits.RotateLeft64(h, 17) ^ x)
	}
	return h
}

// drawText is draw for a text.
func drawText(s string) uint64 {
	var h uint64
	for i := range len(s) {
		h = mix(h ^ uint64(s[i]))
	}
	return h
}

// share turns a draw into a number from 0 up to but not including 1.
func share(h uint64) float64 { return float64(h>>11) / (1 << 53) }
