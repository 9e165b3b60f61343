package api

import "github.com/troupe-go/troupe/internal/kind"

// Category says what an error is about, and so who can do something about it. Its String
// is a word in lower case, usable as the label of a metric. New categories may be added.
type Category = kind.Category

// The categories of CategoryOf.
const (
	// CategoryNone is the category of nil.
	CategoryNone = kind.None
	// CategoryUnknown: the error comes neither from this library nor from the contexts and
	// sockets of the standard library; a callback of the program may have returned it.
	CategoryUnknown = kind.Unknown
	// CategoryInput: an argument or option is invalid or too large. Nothing was sent, and
	// the same call will fail again: fix the program.
	CategoryInput = kind.Input
	// CategoryClosed: the connection, subscription or actor has ended or is being
	// drained. Create a new one.
	CategoryClosed = kind.Closed
	// CategoryConnection: there is no server, or the link to it was lost. The connection
	// looks for another server by itself; from Connect, it means that none was found.
	CategoryConnection = kind.Connection
	// CategoryTLS: the connection cannot be secured. Check the certificates, the
	// authorities, and which side requires TLS.
	CategoryTLS = kind.TLS
	// CategoryAuthorization: credentials cannot be used, or a server has refused them.
	CategoryAuthorization = kind.Authorization
	// CategoryPermission: the server does not allow this user to publish or subscribe to
	// the subject.
	CategoryPermission = kind.Permission
	// CategoryTimeout: something did not happen in time.
	CategoryTimeout = kind.Timeout
	// CategoryCanceled: the context of the call was cancelled. It need not be reported.
	CategoryCanceled = kind.Canceled
	// CategoryLimit: something is full, here or at the server: a buffer, a mailbox, a
	// slow subscription, the number of connections. Do less at once, or wait.
	CategoryLimit = kind.Limit
	// CategoryUnavailable: the server works, but no service answers.
	CategoryUnavailable = kind.Unavailable
	// CategoryNotFound: what was asked for does not exist. Create it, or do without it.
	CategoryNotFound = kind.NotFound
	// CategoryConflict: someone else has changed it first. Read the current state, then
	// decide.
	CategoryConflict = kind.Conflict
	// CategoryServer: the server does not support the operation, or reported an error that
	// this library does not know.
	CategoryServer = kind.Server
	// CategoryProtocol: the peer violates the protocol, or is not a server for clients.
	CategoryProtocol = kind.Protocol
	// CategoryHandler: a handler, callback or actor of the program failed.
	CategoryHandler = kind.Handler
	// CategoryInternal: a defect of this library. Please report it.
	CategoryInternal = kind.Internal
)

// Error is implemented by every error of this library, or by one of its causes. Its methods
// say what it is about, whether the same call may succeed later, and whether the call may
// have had its effect. Find it with errors.As, or use the functions below, which also judge
// errors of others.
type Error = kind.Error

// CategoryOf returns what err is about. If err has causes, the outermost error that knows its
// category decides. For nil it is CategoryNone.
//
// CategoryOf, Retryable and MaybeSent know every error of this library, those of package
// context, and those of sockets. They ask any other error through its methods Category,
// Retryable and MaybeSent, if it has them. They may be called from any goroutine and allocate
// next to nothing.
func CategoryOf(err error) Category { return kind.CategoryOf(err) }

// Retryable reports whether the same call on the same connection may succeed later. It is
// true for timeouts, for no responders, for full buffers and limits, and for everything that
// ends when the connection has a server again. It is false for invalid arguments, for what is
// closed, for refused credentials and subjects, for a cancelled context, for nil, and for
// unknown errors. For an error of Connect it says whether to call Connect again.
//
// It does not say that repeating the call is safe: unless the call is idempotent, check
// MaybeSent as well.
//
//	if api.Retryable(err) && (idempotent || !api.MaybeSent(err)) { ... }
func Retryable(err error) bool { return kind.CanRetry(err) }

// MaybeSent reports whether the call may have had its effect despite the error: its message
// may have left, or may still leave, and someone may receive it. It is false for nil and for
// calls that were refused before anything was sent. It is also false for ErrNoResponders,
// ErrMaxPayload and ErrPermissionViolation, because there the server itself says that nobody
// received the message. It is true for a request that was given up while it waited for a
// server, because it still goes to the next one. In doubt, and for unknown errors, it is
// true.
func MaybeSent(err error) bool { return kind.MayHaveSent(err) }
