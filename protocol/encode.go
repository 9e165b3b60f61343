package protocol

import (
	"slices"
	"strconv"
)

// UnsubMax is the highest message count that UNSUB can carry: a server reads more
// than nine digits as "at once".
const UnsubMax = 999_999_999

// digitsMax is the length of the longest decimal number of 64 bits.
const digitsMax = 20

// AppendPub checks subject and reply and appends a PUB frame. An empty reply
// means none. The error is a *[BadSubjectError]; dst is unchanged then.
func AppendPub(dst []byte, subject, reply string, payload []byte) ([]byte, error) {
	if err := checkPub(subject, reply); err != nil {
		return dst, err
	}
	return AppendPubChecked(dst, subject, reply, payload), nil
}

func checkPub(subject, reply string) error {
	if err := CheckPublishSubject(subject); err != nil {
		return err
	}
	if reply == "" {
		return nil
	}
	return CheckReplySubject(reply)
}

// AppendPubChecked is AppendPub for subjects that have already been checked. With
// unchecked ones the peer may read the frame as several.
func AppendPubChecked(dst []byte, subject, reply string, payload []byte) []byte {
	dst = slices.Grow(dst, len("PUB   ")+len(subject)+len(reply)+digitsMax+2*len(lineEnd)+len(payload))
	dst = append(dst, "PUB "...)
	dst = append(dst, subject...)
	dst = append(dst, ' ')
	if reply != "" {
		dst = append(dst, reply...)
		dst = append(dst, ' ')
	}
	dst = strconv.AppendUint(dst, uint64(len(payload)), 10)
	dst = append(dst, lineEnd...)
	dst = append(dst, payload...)
	return append(dst, lineEnd...)
}

// AppendHPub checks subject, reply and header and appends an HPUB frame, or a PUB
// frame when the header has no keys. The error is a *[BadSubjectError] or a
// *[HeaderError]; dst is unchanged then.
//
//style:allow params the parts of a frame in wire order; a struct would be made per message
func AppendHPub(dst []byte, subject, reply string, h Header, payload []byte) ([]byte, error) {
	if err := checkPub(subject, reply); err != nil {
		return dst, err
	}
	if len(h) == 0 {
		return AppendPubChecked(dst, subject, reply, payload), nil
	}
	var room [fieldsInPlaceMax]field
	fields, size, err := gather(room[:0], h)
	if err != nil {
		return dst, err
	}
	dst = slices.Grow(dst, len("HPUB    ")+len(subject)+len(reply)+2*digitsMax+2*len(lineEnd)+size+len(payload))
	dst = appendHead(dst, "HPUB ", subject, reply)
	dst = appendSizes(dst, size, size+len(payload))
	dst = appendFields(dst, fields)
	dst = append(dst, payload...)
	return append(dst, lineEnd...), nil
}

// AppendHPubChecked appends an HPUB frame with an encoded header block, which
// [AppendHeader] made, and subjects that have already been checked.
//
//style:allow params the parts of a frame in wire order; a struct would be made per message
func AppendHPubChecked(dst []byte, subject, reply string, block, payload []byte) []byte {
	dst = slices.Grow(dst, len("HPUB    ")+len(subject)+len(reply)+2*digitsMax+2*len(lineEnd)+len(block)+len(payload))
	dst = appendHead(dst, "HPUB ", subject, reply)
	dst = appendSizes(dst, len(block), len(block)+len(payload))
	dst = append(dst, block...)
	dst = append(dst, payload...)
	return append(dst, lineEnd...)
}

// appendHead appends the operation and the subjects, each followed by a blank.
func appendHead(dst []byte, op, subject, reply string) []byte {
	dst = append(dst, op...)
	dst = append(dst, subject...)
	dst = append(dst, ' ')
	if reply != "" {
		dst = append(dst, reply...)
		dst = append(dst, ' ')
	}
	return dst
}

// appendSizes ends the line of a frame that has a header.
func appendSizes(dst []byte, header, total int) []byte {
	dst = strconv.AppendUint(dst, uint64(header), 10)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, uint64(total), 10)
	return append(dst, lineEnd...)
}

// AppendSub checks subject and queue and appends a SUB frame. An empty queue
// means no queue group. The error is a *[BadSubjectError]; dst is unchanged then.
func AppendSub(dst []byte, subject, queue string, sid uint64) ([]byte, error) {
	if err := CheckSubscribeSubject(subject); err != nil {
		return dst, err
	}
	if err := CheckQueue(queue); err != nil {
		return dst, err
	}
	dst = appendHead(dst, "SUB ", subject, queue)
	dst = strconv.AppendUint(dst, sid, 10)
	return append(dst, lineEnd...), nil
}

// AppendUnsub appends an UNSUB frame. With max > 0 the server ends the
// subscription once it has delivered max messages to it on this connection,
// counted from its SUB; otherwise at once.
//
// Above [UnsubMax] nothing is appended, because the server would end the subscription
// at once: the subscriber has to count for itself, which it does anyway, and to send
// the UNSUB when the count is reached.
func AppendUnsub(dst []byte, sid uint64, max int) []byte {
	if max > UnsubMax {
		return dst
	}
	dst = append(dst, "UNSUB "...)
	dst = strconv.AppendUint(dst, sid, 10)
	if max > 0 {
		dst = append(dst, ' ')
		dst = strconv.AppendUint(dst, uint64(max), 10)
	}
	return append(dst, lineEnd...)
}

// AppendPing appends a PING frame.
func AppendPing(dst []byte) []byte { return append(dst, "PING\r\n"...) }

// AppendPong appends a PONG frame.
func AppendPong(dst []byte) []byte { return append(dst, "PONG\r\n"...) }

// AppendOK appends a +OK frame, as a server does in verbose mode.
func AppendOK(dst []byte) []byte { return append(dst, "+OK\r\n"...) }

// AppendErr appends an -ERR frame, as a server does. CR and LF in text become
// blanks.
func AppendErr(dst []byte, text string) []byte {
	dst = append(dst, "-ERR '"...)
	for i := range len(text) {
		c := text[i]
		if c == '\r' || c == '\n' {
			c = ' '
		}
		dst = append(dst, c)
	}
	return append(dst, "'\r\n"...)
}

// AppendMsg appends a MSG frame, as a server does. It checks nothing, so that a fake
// server can misbehave.
//
//style:allow params the parts of a frame in wire order; a struct would be made per message
func AppendMsg(dst []byte, subject string, sid uint64, reply string, payload []byte) []byte {
	dst = appendDelivery(appendHead(dst, "MSG ", subject, ""), sid, reply)
	dst = strconv.AppendUint(dst, uint64(len(payload)), 10)
	dst = append(dst, lineEnd...)
	dst = append(dst, payload...)
	return append(dst, lineEnd...)
}

// AppendHMsg appends an HMSG frame with an encoded header block, as a server
// does. It checks nothing.
//
//style:allow params the parts of a frame in wire order; a struct would be made per message
func AppendHMsg(dst []byte, subject string, sid uint64, reply string, block, payload []byte) []byte {
	dst = appendDelivery(appendHead(dst, "HMSG ", subject, ""), sid, reply)
	dst = appendSizes(dst, len(block), len(block)+len(payload))
	dst = append(dst, block...)
	dst = append(dst, payload...)
	return append(dst, lineEnd...)
}

// appendDelivery appends what stands between the subject and the sizes of MSG and HMSG:
// the SID and the reply subject, if any, each followed by a blank.
func appendDelivery(dst []byte, sid uint64, reply string) []byte {
	dst = strconv.AppendUint(dst, sid, 10)
	dst = append(dst, ' ')
	if reply != "" {
		dst = append(dst, reply...)
		dst = append(dst, ' ')
	}
	return dst
}
