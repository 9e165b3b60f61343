package api

import "github.com/troupe-go/troupe/protocol"

// Role says what a subject or queue name was to be used for; see BadSubjectError and
// ServerError.
type Role = protocol.Role

// The roles of a subject.
const (
	// RoleNone: the role is not known or does not matter.
	RoleNone = protocol.RoleNone
	// RolePublish: a message was to be published to the subject.
	RolePublish = protocol.RolePublish
	// RoleReply: the subject was to receive replies.
	RoleReply = protocol.RoleReply
	// RoleSubscribe: the subject was to be subscribed to.
	RoleSubscribe = protocol.RoleSubscribe
	// RoleQueue: the name was to be that of a queue group.
	RoleQueue = protocol.RoleQueue
)

// The reasons of a BadSubjectError.
const (
	// ReasonEmpty: the subject is empty.
	ReasonEmpty = protocol.ReasonEmpty
	// ReasonBlank: it contains a blank or a control character.
	ReasonBlank = protocol.ReasonBlank
	// ReasonEmptyToken: there is nothing before, after or between dots.
	ReasonEmptyToken = protocol.ReasonEmptyToken
	// ReasonWildcard: it contains a wildcard, which only subscriptions may use.
	ReasonWildcard = protocol.ReasonWildcard
	// ReasonNotLast: a ">" is not the last token.
	ReasonNotLast = protocol.ReasonNotLast
	// ReasonTooLong: it is longer than 32 KiB.
	ReasonTooLong = protocol.ReasonTooLong
)

// Reaction is what the connection does after a ServerError.
type Reaction = protocol.Reaction

// The reactions to an error of the server.
const (
	// ReactIgnoreReport: it stays connected and reports the error as an event.
	ReactIgnoreReport = protocol.ReactIgnoreReport
	// ReactReconnect: it reconnects, possibly to the same server.
	ReactReconnect = protocol.ReactReconnect
	// ReactReauthenticate: it asks for the credentials again and reconnects, unless the same
	// refusal has come twice in a row; see IgnoreAuthErrorAbort.
	ReactReauthenticate = protocol.ReactReauthenticate
	// ReactOtherServer: it reconnects after a longer pause, to another server first.
	ReactOtherServer = protocol.ReactOtherServer
	// ReactDropServer: it never tries this address again, and continues with the others.
	ReactDropServer = protocol.ReactDropServer
	// ReactStop: it gives up, because the server refuses what the client sends in CONNECT.
	ReactStop = protocol.ReactStop
)

// Op is an operation of the NATS protocol; see ProtocolError.
type Op = protocol.Op

// The operations of the NATS protocol.
const (
	// OpNone: the operation was not recognized.
	OpNone = protocol.OpNone
	// OpInfo: the server describes itself and the connection.
	OpInfo = protocol.OpInfo
	// OpMsg: the server delivers a message without a header.
	OpMsg = protocol.OpMsg
	// OpHMsg: the server delivers a message with a header.
	OpHMsg = protocol.OpHMsg
	// OpPing: either side asks for a PONG.
	OpPing = protocol.OpPing
	// OpPong: the answer to a PING.
	OpPong = protocol.OpPong
	// OpOK: the server has accepted an operation; sent in verbose mode only.
	OpOK = protocol.OpOK
	// OpErr: the server reports an error.
	OpErr = protocol.OpErr
	// OpConnect: the client sends its credentials and capabilities.
	OpConnect = protocol.OpConnect
	// OpPub: the client publishes a message without a header.
	OpPub = protocol.OpPub
	// OpHPub: the client publishes a message with a header.
	OpHPub = protocol.OpHPub
	// OpSub: the client subscribes.
	OpSub = protocol.OpSub
	// OpUnsub: the client ends a subscription, at once or after a number of messages.
	OpUnsub = protocol.OpUnsub
)
