package check

import (
	"bytes"
	"hash/crc32"
	"strconv"
)

// sealBytes is the length of a checksum in a payload, in hexadecimal digits.
const sealBytes = 8

// filler pads a payload to its size.
const filler = '.'

// appendValue appends the text of a value: the publisher's name, a hyphen, and its
// counter.
func appendValue(dst []byte, name string, n uint32) []byte {
	dst = append(dst, name...)
	dst = append(dst, '-')
	return strconv.AppendUint(dst, uint64(n), 10)
}

// seal returns a payload of at least size bytes that carries a value: its text, a blank,
// a checksum over the text and everything after the checksum, and filler.
func seal(name string, n uint32, size int) []byte {
	text := appendValue(make([]byte, 0, max(size, len(name)+sealBytes+16)), name, n)
	head := len(text) + 1
	text = append(text, " 00000000"...)
	for len(text) < size {
		text = append(text, filler)
	}
	const digits = "0123456789abcdef"
	sum := checksum(text[:head-1], text[head+sealBytes:])
	for i := range sealBytes {
		text[head+i] = digits[sum>>(28-4*i)&15]
	}
	return text
}

func checksum(value, rest []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(value), crc32.IEEETable, rest)
}

// open returns the value that a payload carries: name and counter. A payload is either
// sealed or only the text of a value; anything else is damaged.
func open(payload []byte) (name []byte, n uint32, ok bool) {
	value, rest, isSealed := bytes.Cut(payload, []byte{' '})
	if isSealed {
		if len(rest) < sealBytes {
			return nil, 0, false
		}
		sum, err := strconv.ParseUint(string(rest[:sealBytes]), 16, 32)
		if err != nil || uint32(sum) != checksum(value, rest[sealBytes:]) {
			return nil, 0, false
		}
	}
	hyphen := bytes.LastIndexByte(value, '-')
	if hyphen <= 0 {
		return nil, 0, false
	}
	counter, err := strconv.ParseUint(string(value[hyphen+1:]), 10, 32)
	return value[:hyphen], uint32(counter), err == nil
}
