package protocol

import (
	"context"

	"github.com/troupe-go/troupe/internal/kind"
)

// Kinds of protocol failures: the bytes of the peer cannot be trusted any more, so the
// client has to reconnect. All are special cases of ErrProtocol.
var (
	// ErrProtocol means that the peer broke the protocol, or says that we did.
	ErrProtocol error = kind.New("troupe: protocol error").In(kind.Protocol, kind.Retry, kind.MaybeSent)

	// ErrNotNATS means that the peer does not speak NATS at all: the stream begins with
	// something that is not an operation, or a TLS record appears in it.
	ErrNotNATS error = kind.New("troupe: peer does not speak the NATS protocol", ErrProtocol).In(kind.Protocol)

	// ErrUnknownOp means that a frame does not begin with an operation of this
	// direction.
	ErrUnknownOp error = kind.New("troupe: unknown protocol operation", ErrProtocol)

	// ErrBadArguments means that an operation has too few, too many or malformed
	// arguments.
	ErrBadArguments error = kind.New("troupe: malformed operation arguments", ErrProtocol)

	// ErrBadFrameEnd means that a payload is not followed by CR LF: its announced
	// length is wrong.
	ErrBadFrameEnd error = kind.New("troupe: payload does not end where announced", ErrProtocol)

	// ErrMaxControlLine means that a line is longer than allowed.
	ErrMaxControlLine error = kind.New("troupe: maximum control line exceeded", ErrProtocol)

	// ErrMaxHeader means that an announced header block is larger than allowed.
	ErrMaxHeader error = kind.New("troupe: maximum header size exceeded", ErrProtocol)

	// ErrNoInfoReceived means that a server did not begin with INFO.
	ErrNoInfoReceived error = kind.New("troupe: protocol exception, INFO not received", ErrProtocol).In(kind.Protocol, kind.Retry)

	// ErrBadHeaderMsg means that a header block could not be decoded, or that
	// header fields cannot be encoded.
	ErrBadHeaderMsg error = kind.New("troupe: message could not decode headers", ErrProtocol).In(kind.Input)

	// ErrJSONParse means that INFO or CONNECT carries no valid JSON object.
	ErrJSONParse error = kind.New("troupe: parse json error", ErrProtocol).In(kind.Protocol, kind.Retry)

	// ErrWrongPort means that the port is one for servers, not for clients.
	ErrWrongPort error = kind.New("troupe: connected to a port that is not for clients", ErrProtocol).In(kind.Protocol)
)

// Kinds of bad input.
var (
	// ErrBadSubject means that a subject cannot be used in its role.
	ErrBadSubject error = kind.New("troupe: invalid subject").In(kind.Input)

	// ErrBadQueueName means that a queue group's name cannot be used.
	ErrBadQueueName error = kind.New("troupe: invalid queue name", ErrBadSubject)

	// ErrMaxPayload means that header and payload are larger than allowed.
	ErrMaxPayload error = kind.New("troupe: maximum payload exceeded").In(kind.Input)
)

// Kinds of refusals by a server.
var (
	// ErrTimeout means that something did not happen in time.
	ErrTimeout error = kind.New("troupe: timeout", context.DeadlineExceeded).In(kind.Timeout, kind.Retry, kind.MaybeSent)

	// ErrAuthorization means that a server refused the credentials.
	ErrAuthorization error = kind.New("troupe: authorization violation").In(kind.Authorization)

	// ErrAuthExpired means that the user's credentials have expired.
	ErrAuthExpired error = kind.New("troupe: user authentication expired", ErrAuthorization)

	// ErrAuthRevoked means that the user's credentials were revoked.
	ErrAuthRevoked error = kind.New("troupe: user authentication revoked", ErrAuthorization)

	// ErrAccountAuthExpired means that the account's credentials have expired.
	ErrAccountAuthExpired error = kind.New("troupe: account authentication expired", ErrAuthorization)

	// ErrAuthTimeout means that a server did not get our CONNECT in time.
	ErrAuthTimeout error = kind.New("troupe: authentication timeout", ErrAuthorization, ErrTimeout).In(kind.Authorization, kind.Retry)

	// ErrAccountRegistration means that a server could not bind us to an account.
	ErrAccountRegistration error = kind.New("troupe: failed account registration").In(kind.Authorization, kind.Retry)

	// ErrMaxConnectionsExceeded means that a server is full.
	ErrMaxConnectionsExceeded error = kind.New("troupe: server maximum connections exceeded").In(kind.Limit, kind.Retry)

	// ErrMaxAccountConnectionsExceeded means that our account is full.
	ErrMaxAccountConnectionsExceeded error = kind.New("troupe: maximum account active connections exceeded").In(kind.Limit, kind.Retry)

	// ErrConnectionThrottled means that a server limits the rate of connections.
	ErrConnectionThrottled error = kind.New("troupe: connection throttling is active", ErrMaxConnectionsExceeded)

	// ErrMaxSubscriptionsExceeded means that a server takes no more subscriptions.
	ErrMaxSubscriptionsExceeded error = kind.New("troupe: server maximum subscriptions exceeded").In(kind.Limit, kind.Retry)

	// ErrPermissionViolation means that we may not publish or subscribe there.
	ErrPermissionViolation error = kind.New("troupe: permissions violation").In(kind.Permission)

	// ErrStaleConnection means that the peer did not answer PINGs in time.
	ErrStaleConnection error = kind.New("troupe: stale connection").In(kind.Connection, kind.Retry, kind.MaybeSent)

	// ErrSecureConnRequired means that a server insists on TLS.
	ErrSecureConnRequired error = kind.New("troupe: secure connection required").In(kind.TLS)

	// ErrServer means that a server reported an error that this library does not know.
	ErrServer error = kind.New("troupe: server error").In(kind.Server, kind.MaybeSent)
)
