package protocol

// The limits that apply where [Limits] says nothing, in bytes.
const (
	// ServerControlLineMax bounds a line that a server sends. It is well above
	// the 4,096 bytes that servers allow clients by default, since a server adds
	// to what was published: subscription numbers, reply subjects of JetStream,
	// prefixes of imports; and its own limit can be configured.
	ServerControlLineMax = 64 << 10

	// ClientControlLineMax bounds a line that a client sends: the default of
	// servers, which count the arguments only.
	ClientControlLineMax = 4 << 10

	// InfoMax bounds the lines that carry JSON: INFO, where each server of a
	// large cluster adds its address, and CONNECT with its tokens.
	InfoMax = 1 << 20

	// PayloadMax bounds header and payload of one message together. It is the largest
	// max_payload that a server can be configured with by default. It is not the
	// max_payload of INFO: that bounds what this connection publishes, while other
	// accounts and servers may have a higher one.
	PayloadMax = 64 << 20

	// ServerErrorTextMax bounds what is kept of the text of an -ERR. Servers quote a subject and
	// a queue group in it, which together fit into a client's control line. Errors live
	// longer than frames: in events that wait for a callback, and in logs.
	ServerErrorTextMax = 8 << 10

	// HeaderMax bounds the header block; servers have no limit of its own for it.
	HeaderMax = PayloadMax

	// HeaderFieldsMax bounds the lines of a header block that [ParseHeader]
	// decodes. A field of three bytes costs fifty when decoded, so a block of the
	// full size made of such fields would cost gigabytes.
	HeaderFieldsMax = 64 << 10

	// limitMax is the highest limit that can be set: spans are 32 bits wide, and
	// the sum of line, payload and line end must fit into an int everywhere.
	limitMax = 1 << 30
)

// Limits bounds what a [Parser] accepts, in bytes; the bound itself is allowed. A zero
// or negative field means its default constant; a field above 1 GiB means 1 GiB.
type Limits struct {
	ControlLine int // a line without its line end; default by direction
	Info        int // a line of INFO or CONNECT; default InfoMax
	Payload     int // header and payload together; default PayloadMax
	Header      int // the header block; default HeaderMax
}

// orDefault returns the limits with each unset field replaced.
func (l Limits) orDefault(controlLine int) Limits {
	return Limits{
		ControlLine: limitOr(l.ControlLine, controlLine),
		Info:        limitOr(l.Info, InfoMax),
		Payload:     limitOr(l.Payload, PayloadMax),
		Header:      limitOr(l.Header, HeaderMax),
	}
}

func limitOr(limit, def int) int {
	if limit <= 0 {
		return def
	}
	return min(limit, limitMax)
}
