package protocol

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// Names of the pseudo fields under which [ParseHeader] presents an inline status.
const (
	StatusKey      = "Status"
	DescriptionKey = "Description"
)

const (
	headerVersion = "NATS/1.0"
	headerLine    = headerVersion + "\r\n"
	lineEnd       = "\r\n"
	statusLen     = 3 // digits of an inline status
)

// Header holds the fields of a message. Names are case-sensitive and kept as they are;
// each may have several values, in order.
type Header map[string][]string

// Add appends value to those of key. It panics on a nil Header, as a map does.
func (h Header) Add(key, value string) { h[key] = append(h[key], value) }

// Set replaces the values of key with value. It panics on a nil Header, as a map does.
func (h Header) Set(key, value string) { h[key] = []string{value} }

// Get returns the first value of key, or "" when there is none.
func (h Header) Get(key string) string {
	if values := h[key]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// Values returns all values of key; the slice is the header's own.
func (h Header) Values(key string) []string { return h[key] }

// Del removes key.
func (h Header) Del(key string) { delete(h, key) }

// HeaderError says why a header block cannot be decoded, or a field cannot be encoded.
// It matches [ErrBadHeaderMsg] and [ErrProtocol].
type HeaderError struct {
	Reason string // what is wrong, in words
	Key    string // field that cannot be encoded; empty when decoding
	Pos    int    // offset of the offending line in the block, or of the offending byte in key or value
}

// Error names the reason, the position and the field.
func (e *HeaderError) Error() string {
	text := ErrBadHeaderMsg.Error() + ": " + e.Reason + " at byte " + strconv.Itoa(e.Pos)
	if e.Key != "" {
		text += " of field " + strconv.Quote(e.Key)
	}
	return text
}

// Unwrap returns ErrBadHeaderMsg.
func (e *HeaderError) Unwrap() []error { return []error{ErrBadHeaderMsg} }

func badBlock(reason string, pos int) error { return &HeaderError{Reason: reason, Pos: pos} }

// ParseHeader decodes a header block: a line NATS/1.0 with an optional status, then
// lines of "name: value", then a blank line. Lines end in CR LF or LF; what follows the
// blank line is ignored. Blanks before a value are dropped, blanks after it are kept.
// Lines without a name are skipped.
//
// An inline status appears as the first value of "Status", its description as the
// first of "Description". The header owns its memory: one copy of the block that
// all strings share, one array of values, and the map.
//
// The error is a *[HeaderError].
func ParseHeader(block []byte) (Header, error) {
	rest := string(block) // the one copy; every string below shares it
	first, rest, ok := cutLine(rest)
	if !ok {
		return nil, badBlock("no end of the first line", 0)
	}
	status, description, err := statusLine(first)
	if err != nil {
		return nil, err
	}
	// One line end closes the block; each of the others closes a field, except those
	// after the block.
	count := min(max(strings.Count(rest, "\n")-1, 0), HeaderFieldsMax)
	room := count
	if status != "" {
		room += 2 // status and description
	}
	fields := fieldList{header: make(Header, min(room, 64)), values: make([]string, 0, room)}
	if status != "" {
		fields.add(StatusKey, status)
	}
	if description != "" {
		fields.add(DescriptionKey, description)
	}
	for lines := 0; ; lines++ {
		pos := len(block) - len(rest)
		var line string
		if line, rest, ok = cutLine(rest); !ok {
			return nil, badBlock("no blank line at the end", pos)
		}
		if line == "" {
			return fields.header, nil
		}
		if lines == HeaderFieldsMax {
			return nil, badBlock("more than "+strconv.Itoa(HeaderFieldsMax)+" fields", pos)
		}
		key, value, ok := cutField(line)
		if !ok {
			return nil, badBlock("no field in line", pos)
		}
		if key != "" {
			fields.add(key, value)
		}
	}
}

// fieldList fills a header whose single values share one array.
type fieldList struct {
	header Header
	values []string  // capacity for all fields, so it never moves
	keys   [8]string // the first keys of header: comparing these few is faster than a map lookup
}

func (l *fieldList) add(key, value string) {
	if l.has(key) {
		l.header[key] = append(l.header[key], value)
		return
	}
	n := len(l.values)
	l.values = append(l.values, value)
	if n < len(l.keys) {
		l.keys[n] = key
	}
	// Capacity 1: appending a second value reallocates instead of overwriting a
	// neighbour's.
	l.header[key] = l.values[n : n+1 : n+1]
}

// has reports whether key is in the header. Each key has one entry in values, that
// of its first value.
func (l *fieldList) has(key string) bool {
	if len(l.values) > len(l.keys) {
		_, ok := l.header[key]
		return ok
	}
	for _, k := range l.keys[:len(l.values)] {
		if k == key {
			return true
		}
	}
	return false
}

// cutLine splits after the first LF and drops the line end.
func cutLine(s string) (line, rest string, ok bool) {
	end := strings.IndexByte(s, '\n')
	if end < 0 {
		return "", s, false
	}
	rest = s[end+1:]
	if end > 0 && s[end-1] == '\r' {
		end--
	}
	return s[:end], rest, true
}

// cutField splits "name: value". It reports false when there is no colon, and for a CR,
// which could become a line end of its own when the message is forwarded.
func cutField(line string) (key, value string, ok bool) {
	colon := strings.IndexByte(line, ':')
	if colon < 0 || strings.IndexByte(line, '\r') >= 0 {
		return "", "", false
	}
	start := colon + 1
	for start < len(line) && isBlank(line[start]) {
		start++
	}
	return line[:colon], line[start:], true
}

// statusLine reads the first line of a block. Status and description are empty
// when there is no inline status.
func statusLine(line string) (status, description string, err error) {
	rest, ok := strings.CutPrefix(line, headerVersion)
	if !ok {
		return "", "", badBlock("no NATS/1.0 at the start", 0)
	}
	if rest == "" {
		return "", "", nil
	}
	if !isBlank(rest[0]) || strings.IndexByte(rest, '\r') >= 0 {
		return "", "", badBlock("no blank after NATS/1.0", 0)
	}
	rest = strings.Trim(rest, " \t")
	if len(rest) < statusLen {
		return "", "", badBlock("status has fewer than three digits", 0)
	}
	for i := range statusLen {
		if rest[i] < '0' || rest[i] > '9' {
			return "", "", badBlock("status is not a number", 0)
		}
	}
	return rest[:statusLen], strings.TrimLeft(rest[statusLen:], " \t"), nil
}

// ParseStatus returns the inline status of a header block without decoding the
// rest of it. It reports false when there is none or the first line is malformed.
// The description is borrowed from block and may be empty. It allocates nothing.
func ParseStatus(block []byte) (code int, description []byte, ok bool) {
	end := bytes.IndexByte(block, '\n')
	if end < len(headerVersion)+1+statusLen {
		return 0, nil, false
	}
	line := block[:end]
	if line[end-1] == '\r' {
		line = line[:end-1]
	}
	version := len(headerVersion)
	if string(line[:version]) != headerVersion || !isBlank(line[version]) || bytes.IndexByte(line, '\r') >= 0 {
		return 0, nil, false
	}
	rest := trimBlanks(line, Span{uint32(version), uint32(len(line))}).Of(line)
	if len(rest) < statusLen {
		return 0, nil, false
	}
	for _, c := range rest[:statusLen] {
		if c < '0' || c > '9' {
			return 0, nil, false
		}
		code = code*10 + int(c-'0')
	}
	return code, trimLeft(rest[statusLen:]), true
}

// LookupHeader returns the first value of key in a header block without decoding
// the rest of it, borrowed from block. It sees lines only, not the inline status,
// and does not validate what it skips. It allocates nothing.
func LookupHeader(block []byte, key string) (value []byte, ok bool) {
	for start := bytes.IndexByte(block, '\n') + 1; start > 0; {
		end := bytes.IndexByte(block[start:], '\n')
		if end <= 0 {
			return nil, false
		}
		line := block[start : start+end]
		start += end + 1
		if line[end-1] == '\r' {
			line = line[:end-1]
		}
		if len(line) == 0 {
			return nil, false
		}
		if len(line) > len(key) && line[len(key)] == ':' && string(line[:len(key)]) == key {
			return trimLeft(line[len(key)+1:]), true
		}
	}
	return nil, false
}

// trimLeft drops leading blanks.
func trimLeft(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	return b
}

// HeaderSize returns how many bytes [AppendHeader] appends: 0 for a header
// without keys, which needs no block at all.
func HeaderSize(h Header) int {
	if len(h) == 0 {
		return 0
	}
	size := len(headerLine) + len(lineEnd)
	for key, values := range h {
		for _, value := range values {
			size += len(key) + len(": ") + len(value) + len(lineEnd)
		}
	}
	return size
}

// AppendHeader appends the block of h to dst, and nothing when h has no keys. The
// fields are sorted by name, so equal headers give equal bytes. Values are sent as they
// are; a reader drops the blanks in front of them.
//
// A key must be one or more printable ASCII characters without colon, a value must
// contain no CR or LF, which would start a new field. Otherwise the error is a
// *[HeaderError] and dst is returned unchanged.
func AppendHeader(dst []byte, h Header) ([]byte, error) {
	if len(h) == 0 {
		return dst, nil
	}
	var room [fieldsInPlaceMax]field
	fields, size, err := gather(room[:0], h)
	if err != nil {
		return dst, err
	}
	return appendFields(slices.Grow(dst, size), fields), nil
}

// field is one entry of a header.
type field struct {
	key    string
	values []string
}

// fieldsInPlaceMax is how many keys are encoded without allocating.
const fieldsInPlaceMax = 8

// gather checks a header, appends its fields to room sorted by name and measures the
// block in bytes. It ranges over the map only once, since that costs more than
// everything done with the fields.
func gather(room []field, h Header) (fields []field, size int, err error) {
	size = len(headerLine) + len(lineEnd)
	for key, values := range h {
		if err := checkField(key, values); err != nil {
			return nil, 0, err
		}
		for _, value := range values {
			size += len(key) + len(": ") + len(value) + len(lineEnd)
		}
		room = append(room, field{key, values})
	}
	slices.SortFunc(room, func(a, b field) int { return strings.Compare(a.key, b.key) })
	return room, size, nil
}

// appendFields appends the block.
func appendFields(dst []byte, fields []field) []byte {
	dst = append(dst, headerLine...)
	for _, f := range fields {
		for _, value := range f.values {
			dst = append(dst, f.key...)
			dst = append(dst, ": "...)
			dst = append(dst, value...)
			dst = append(dst, lineEnd...)
		}
	}
	return append(dst, lineEnd...)
}

// checkField returns a *HeaderError when a field would not survive the wire.
func checkField(key string, values []string) error {
	if key == "" {
		return &HeaderError{Reason: "empty field name"}
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' || key[i] == ':' {
			return &HeaderError{Reason: "bad character in field name", Key: key, Pos: i}
		}
	}
	for _, value := range values {
		for i := range len(value) {
			if value[i] == '\r' || value[i] == '\n' {
				return &HeaderError{Reason: "line end in value", Key: key, Pos: i}
			}
		}
	}
	return nil
}
