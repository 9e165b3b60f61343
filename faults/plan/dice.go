package plan

import (
	"math/bits"
	"time"
)

// dice draws numbers with the generator splitmix64, which is implemented here so that no
// release of Go changes what a seed draws.
type dice struct {
	state uint64
}

func (d *dice) next() uint64 {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below draws a number from 0 to n-1; n is above 0.
func (d *dice) below(n int) int {
	high, _ := bits.Mul64(d.next(), uint64(n))
	return int(high)
}

// one is true in one of n cases.
func (d *dice) one(n int) bool { return d.below(n) == 0 }

// number draws a number from least to most, with each order of magnitude equally likely;
// least is above 0.
func (d *dice) number(least, most int64) int64 {
	low, high := bits.Len64(uint64(least)), bits.Len64(uint64(most))
	size := low + d.below(high-low+1)
	from := max(least, 1<<(size-1))
	to := min(most, 1<<size-1)
	return from + int64(d.below(int(min(to-from, 1<<30))+1))
}

// duration draws a duration from least to most, in whole milliseconds.
func (d *dice) duration(least, most time.Duration) time.Duration {
	steps := int64((most - least) / time.Millisecond)
	high, _ := bits.Mul64(d.next(), uint64(max(steps, 0)+1))
	return least + time.Duration(high)*time.Millisecond
}

// logDuration draws a duration as number does, in whole milliseconds; least is at least
// one.
func (d *dice) logDuration(least, most time.Duration) time.Duration {
	return time.Duration(d.number(int64(least/time.Millisecond), int64(most/time.Millisecond))) * time.Millisecond
}

// decimal draws a share of one digit from 1/most to 9/10/least, with each order of
// magnitude equally likely. Both are powers of ten, and least may be 0 for 1.
func (d *dice) decimal(most, least float64) float64 {
	scales := []float64{}
	for scale := max(least, 1) * 10; scale <= most; scale *= 10 {
		scales = append(scales, scale)
	}
	return float64(1+d.below(9)) / scales[d.below(len(scales))]
}
