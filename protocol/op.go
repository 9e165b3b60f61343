package protocol

// Op is an operation of the NATS client protocol, in either direction.
type Op uint8

// The operations. OpNone is the zero value: no operation was recognised.
const (
	OpNone    Op = iota
	OpInfo       // server: facts about the server and the connection, as JSON
	OpMsg        // server: a message
	OpHMsg       // server: a message with a header block
	OpPing       // both: asks for a PONG
	OpPong       // both: answers a PING
	OpOK         // server: an operation was accepted; sent in verbose mode only
	OpErr        // server: something was refused
	OpConnect    // client: credentials and capabilities, as JSON
	OpPub        // client: publishes a message
	OpHPub       // client: publishes a message with a header block
	OpSub        // client: subscribes
	OpUnsub      // client: ends a subscription, at once or after a count
)

// opNames holds the wire form of each operation, in upper case.
var opNames = [...]string{
	OpNone:    "none",
	OpInfo:    "INFO",
	OpMsg:     "MSG",
	OpHMsg:    "HMSG",
	OpPing:    "PING",
	OpPong:    "PONG",
	OpOK:      "+OK",
	OpErr:     "-ERR",
	OpConnect: "CONNECT",
	OpPub:     "PUB",
	OpHPub:    "HPUB",
	OpSub:     "SUB",
	OpUnsub:   "UNSUB",
}

// String returns the operation as it stands on the wire, "none" for OpNone and
// "unknown" for a value that is not an operation.
func (op Op) String() string {
	if int(op) < len(opNames) {
		return opNames[op]
	}
	return "unknown"
}
