package api

// Other names of the same kinds: those of nats.go, and shorter ones.
var (
	// ErrReconnectBufExceeded is nats.go's name for ErrOutboundBufferLimit.
	ErrReconnectBufExceeded = ErrOutboundBufferLimit
	// ErrTLS is nats.go's name for ErrSecureConnFailed.
	ErrTLS = ErrSecureConnFailed
	// ErrJsonParse is nats.go's spelling of ErrJSONParse.
	ErrJsonParse = ErrJSONParse

	// ErrNoInfo is ErrNoInfoReceived.
	ErrNoInfo = ErrNoInfoReceived
	// ErrBadHeaders is ErrBadHeaderMsg.
	ErrBadHeaders = ErrBadHeaderMsg
	// ErrInvalidCallbackType is ErrInvalidCallback.
	ErrInvalidCallbackType = ErrInvalidCallback
	// ErrMaxConnections is ErrMaxConnectionsExceeded.
	ErrMaxConnections = ErrMaxConnectionsExceeded
	// ErrMaxAccountConnections is ErrMaxAccountConnectionsExceeded.
	ErrMaxAccountConnections = ErrMaxAccountConnectionsExceeded
	// ErrMaxSubscriptions is ErrMaxSubscriptionsExceeded.
	ErrMaxSubscriptions = ErrMaxSubscriptionsExceeded
)
