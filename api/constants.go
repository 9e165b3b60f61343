package api

// Texts of servers' -ERR messages, in lower case, under nats.go's names. Errors carry
// the text as ServerError.Text; prefer errors.Is with a kind.
const (
	// STALE_CONNECTION: see ErrStaleConnection.
	STALE_CONNECTION = "stale connection"
	// PERMISSIONS_ERR: see ErrPermissionViolation.
	PERMISSIONS_ERR = "permissions violation"
	// AUTHORIZATION_ERR: see ErrAuthorization.
	AUTHORIZATION_ERR = "authorization violation"
	// AUTHENTICATION_EXPIRED_ERR: see ErrAuthExpired.
	AUTHENTICATION_EXPIRED_ERR = "user authentication expired"
	// AUTHENTICATION_REVOKED_ERR: see ErrAuthRevoked.
	AUTHENTICATION_REVOKED_ERR = "user authentication revoked"
	// ACCOUNT_AUTHENTICATION_EXPIRED_ERR: see ErrAccountAuthExpired.
	ACCOUNT_AUTHENTICATION_EXPIRED_ERR = "account authentication expired"
	// MAX_CONNECTIONS_ERR: see ErrMaxConnectionsExceeded.
	MAX_CONNECTIONS_ERR = "maximum connections exceeded"
	// MAX_ACCOUNT_CONNECTIONS_ERR: see ErrMaxAccountConnectionsExceeded.
	MAX_ACCOUNT_CONNECTIONS_ERR = "maximum account active connections exceeded"
	// MAX_SUBSCRIPTIONS_ERR: see ErrMaxSubscriptionsExceeded.
	MAX_SUBSCRIPTIONS_ERR = "maximum subscriptions exceeded"
)

// Constants of nats.go that programs refer to.
const (
	// LangString is the language that servers show in their monitoring.
	LangString = "go"
	// RequestChanLen is how many replies nats.go keeps for one request. It is unused
	// here: a request keeps one reply, and RequestMany has its own limits.
	RequestChanLen = 8
	// MAX_CONTROL_LINE_SIZE is the longest line, in bytes, that a server accepts unless
	// it is configured otherwise.
	MAX_CONTROL_LINE_SIZE = 4096
)
