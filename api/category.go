package api

import "github.com/troupe-go/troupe/internal/kind"

// Category says what an error is about, and with that whose turn it is. Its String
// is a word in lower case, for the label of a metric. New categories may be added.
type Category = kind.Category

// The categories of CategoryOf.
const (
	// CategoryNone is that of nil.
	CategoryNone = kind.None
	// CategoryUnknown: an error that is neither of this library nor one of the standard
	// library's about contexts and sockets; such as what a callback of yours returned.
	CategoryUnknown = kind.Unknown
	// CategoryInput: an argument or option means nothing, or is larger than what may
	// be. Nothing was sent, and it will be no different next time: mend the program.
	CategoryInput = kind.Input
	// CategoryClosed: the connection, subscription or actor has ended or is being
	// drained. What is needed is a new one.
	CategoryClosed = kind.Closed
	// CategoryConnection: there is no server, or it was lost. The connection sees to a
	// new one by itself, or Connect has found none.
	CategoryConnection = kind.Connection
	// CategoryTLS: the connection cannot be made secure: look after certificates,
	// authorities, and who wants TLS.
	CategoryTLS = kind.TLS
	// CategoryAuthorization: credentials cannot be used, or a server has refused them.
	CategoryAuthorization = kind.Authorization
	// CategoryPermission: the server does not let this user publish or subscribe there.
	CategoryPermission = kind.Permission
	// CategoryTimeout: it did not happen in time.
	CategoryTimeout = kind.Timeout
	// CategoryCanceled: the context of the call was cancelled. Nobody has to be told.
	CategoryCanceled = kind.Canceled
	// CategoryLimit: something is full, here or at the server: a buffer, a mailbox, a
	// slow subscription, the number of connections. Do less at once, or wait.
	CategoryLimit = kind.Limit
	// CategoryUnavailable: the server is there, and nobody who would answer.
	CategoryUnavailable = kind.Unavailable
	// CategoryNotFound: what was asked for is not there: make it, or do without.
	CategoryNotFound = kind.NotFound
	// CategoryConflict: somebody else was faster: read what there is now, then decide.
	CategoryConflict = kind.Conflict
	// CategoryServer: the server does not know how to do it, or reported what we do not
	// know.
	CategoryServer = kind.Server
	// CategoryProtocol: the peer does not keep to the protocol, or is no server for
	// clients at all.
	CategoryProtocol = kind.Protocol
	// CategoryHandler: a handler, a callback or an actor of the program's failed.
	CategoryHandler = kind.Handler
	// CategoryInternal: a defect of this library. Please report it.
	CategoryInternal = kind.Internal
)

// Error is what every error of this library is, or has among its causes: an error that knows
// what it is about, whether the same call may succeed later, and whether it may have had its
// effect. Ask with errors.As, or with the functions below, which know errors of others, too.
type Error = kind.Error

// CategoryOf returns what err is about: for an error with causes, what the outermost
// that knows says. Nil is CategoryNone.
//
// The three functions know every error of this library, those of package context, and
// those about sockets. Of others they ask the methods Category, Retryable and MaybeSent,
// if they have them. They may be called from any goroutine and allocate next to nothing.
func CategoryOf(err error) Category { return kind.CategoryOf(err) }

// Retryable reports whether the same call, on the same connection, may succeed later:
// true for a timeout, for no responders, for what is full, and for everything that ends
// when the connection has a server again. It is false for bad input, for what is closed,
// for refused credentials and subjects, for a cancelled context, for nil, and for errors
// that are unknown. For an error of Connect it says whether to call Connect again.
//
// It does not say that repeating is safe: unless the call may be done twice, see
// MaybeSent first.
//
//	if api.Retryable(err) && (idempotent || !api.MaybeSent(err)) { ... }
func Retryable(err error) bool { return kind.CanRetry(err) }

// MaybeSent reports whether the call may have had its effect in spite of its error:
// what it was to send may have left or leaves yet, and somebody may receive it. It is
// false for whatever was refused before, and for nil. It is false for ErrNoResponders,
// ErrMaxPayload and ErrPermissionViolation as well: there the server says itself that
// nobody received what did leave. It is true for a request that was given up while it
// waited for a server: it goes to the next one. In doubt, and for errors that are
// unknown, it is true.
func MaybeSent(err error) bool { return kind.MayHaveSent(err) }
