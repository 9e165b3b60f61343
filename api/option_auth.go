package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/url"

	"github.com/nats-io/nkeys"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/protocol"
)

// Kinds of errors about credentials.
var (
	// ErrUserInfoAlreadySet: there are both a UserInfoHandler and a user or password.
	ErrUserInfoAlreadySet error = kind.New("troupe: cannot set user info callback and user/pass", ErrInvalidArg)
	// ErrTokenAlreadySet: there are both a TokenHandler and a token.
	ErrTokenAlreadySet error = kind.New("troupe: token and token handler both set", ErrInvalidArg)
	// ErrNoUserCB: UserJWT was given no callback for the JWT.
	ErrNoUserCB error = kind.New("troupe: user callback not defined", ErrInvalidArg)
	// ErrUserButNoSigCB: there is a callback for the JWT and none for the signature.
	ErrUserButNoSigCB error = kind.New("troupe: user callback defined without a signature handler", ErrInvalidArg)
	// ErrNkeyButNoSigCB: there is an nkey and no callback for the signature.
	ErrNkeyButNoSigCB error = kind.New("troupe: nkey defined without a signature handler", ErrInvalidArg)
	// ErrNkeyAndUser: there are both an nkey and a callback for a JWT.
	ErrNkeyAndUser error = kind.New("troupe: user callback and nkey defined", ErrInvalidArg)
	// ErrNkeysNotSupported: there is an nkey, and the server has sent nothing to sign. It is
	// fatal for the link.
	ErrNkeysNotSupported error = kind.New("troupe: nkeys not supported by the server").In(kind.Server)
)

// AuthorizationError is a server's refusal of our credentials, with its words. It
// is an ErrAuthorization, or the kind below it that says more.
type AuthorizationError = actors.AuthorizationError

// Callbacks for credentials. They are called from a goroutine of their own at
// every attempt to connect, so that they can hand out what has been renewed, and
// may block for as long as Timeout lasts. After that, as after a panic, an error or
// an answer that cannot be used, the attempt fails with ErrCallbackFailed, and the
// next one follows as after any other failure, even if the earlier call still blocks.
type (
	// UserInfoCB returns user and password. Both empty means none, which is an
	// error where the server requires credentials.
	UserInfoCB func() (user, password string)
	// AuthTokenHandler returns a token. Empty means none, which is an error where
	// the server requires credentials.
	AuthTokenHandler func() string
	// UserJWTHandler returns the user's JWT.
	UserJWTHandler func() (string, error)
	// SignatureHandler signs the nonce of a server with the user's key; the result
	// is not encoded. It may be empty beside a JWT that needs none.
	SignatureHandler func(nonce []byte) ([]byte, error)
)

// UserInfo sets user and password. Credentials in a server's address win.
func UserInfo(user, password string) Option {
	return set(func(o *Options) { o.User, o.Password = user, password })
}

// UserInfoHandler sets what is asked for user and password at every attempt.
// Credentials in a server's address win. Together with UserInfo it is an
// ErrUserInfoAlreadySet. Nil removes it.
func UserInfoHandler(cb UserInfoCB) Option { return set(func(o *Options) { o.UserInfo = cb }) }

// Token sets an authentication token. Credentials in a server's address win. It is
// sent beside a user, nkey or JWT, as a server's auth callout may want it.
func Token(token string) Option { return set(func(o *Options) { o.Token = token }) }

// TokenHandler sets what is asked for a token at every attempt. Together with a
// Token, or one in a server's address, it is an ErrTokenAlreadySet. Nil removes it.
func TokenHandler(cb AuthTokenHandler) Option { return set(func(o *Options) { o.TokenHandler = cb }) }

// UserJWT sets what is asked for a user's JWT, and for the signature of a server's
// nonce, at every attempt. userCB is called at once as well, so that a mistake ends
// Connect with an ErrCallbackFailed. Either missing is an ErrNoUserCB or an
// ErrUserButNoSigCB; together with Nkey it is an ErrNkeyAndUser. The JWT is sent to
// every server, beside the credentials in its address.
func UserJWT(userCB UserJWTHandler, sigCB SignatureHandler) Option {
	return func(o *Options) error {
		if userCB == nil {
			return &InvalidArgError{Kind: ErrNoUserCB, What: "option UserJWT", Reason: "has nothing to ask for the JWT"}
		}
		if sigCB == nil {
			return &InvalidArgError{Kind: ErrUserButNoSigCB, What: "option UserJWT", Reason: "has nothing to ask for the signature"}
		}
		ctx, cancel := o.bounded()
		defer cancel()
		if _, err := askJWT(ctx, userCB); err != nil {
			return err
		}
		o.UserJWT, o.SignatureCB = userCB, sigCB
		return nil
	}
}

// UserCredentials uses the JWT and the seed in a credentials file, or the JWT in the
// first file and the seed in the second. A tilde and environment variables in the
// paths are expanded. The files are read at once, so that a mistake ends Connect
// with an ErrInvalidUserCredentials, as does the seed of another user than the JWT's,
// unless that is a bearer's; and again at every attempt: they may be
// replaced meanwhile, and a JWT that has expired fails attempts until it is.
// What was read is wiped after use.
func UserCredentials(userOrChainedFile string, seedFiles ...string) Option {
	user := credentials{by: "UserCredentials", file: true, path: userOrChainedFile}
	if len(seedFiles) > 0 {
		return user.option(credentials{by: user.by, file: true, path: seedFiles[0]})
	}
	return user.option(user)
}

// UserCredentialBytes is UserCredentials with the contents of the files, which are
// copied.
func UserCredentialBytes(userOrChainedFileBytes []byte, seedFiles ...[]byte) Option {
	user := credentials{by: "UserCredentialBytes", inline: bytes.Clone(userOrChainedFileBytes)}
	if len(seedFiles) > 0 {
		return user.option(credentials{by: user.by, inline: bytes.Clone(seedFiles[0])})
	}
	return user.option(user)
}

// UserJWTAndSeed is UserCredentials with the JWT and the seed themselves.
func UserJWTAndSeed(jwt, seed string) Option {
	user := credentials{by: "UserJWTAndSeed", inline: []byte(jwt)}
	return user.option(credentials{by: user.by, inline: []byte(seed)})
}

// option uses the JWT in c and the seed in seed, after it has looked at both: they
// have to be the same user's, unless the JWT needs no signature.
func (c credentials) option(seed credentials) Option {
	return func(o *Options) error {
		_, claims, err := c.claimed()
		if err != nil {
			return err
		}
		public, err := seed.publicKey()
		if err != nil {
			return err
		}
		if public != claims.Subject && !claims.NATS.Bearer {
			return seed.bad("not the JWT's", nil)
		}
		o.UserJWT, o.SignatureCB = c.jwt, seed.sign
		return nil
	}
}

// Nkey sets a user's public key, and what is asked for the signature of a server's
// nonce at every attempt. Credentials in a server's address win. Without sigCB it is
// an ErrNkeyButNoSigCB, with UserJWT an ErrNkeyAndUser, and what is no user's public
// key an ErrInvalidArg. A server without a nonce fails with ErrNkeysNotSupported.
func Nkey(pubKey string, sigCB SignatureHandler) Option {
	return set(func(o *Options) { o.Nkey, o.SignatureCB = pubKey, sigCB })
}

// NkeyOptionFromSeed makes an Nkey option of a file with a user's seed. The path is
// expanded as for UserCredentials. The file is read at once, and again for each
// signature; what was read is wiped after use. The error is a
// *UserCredentialsError.
func NkeyOptionFromSeed(seedFile string) (Option, error) {
	seed := credentials{by: "NkeyOptionFromSeed", file: true, path: seedFile}
	public, err := seed.publicKey()
	if err != nil {
		return nil, err
	}
	return Nkey(public, seed.sign), nil
}

// checkAuth refuses credentials that contradict each other.
func (o *Options) checkAuth(servers []*url.URL) error {
	inAddress := false
	for _, server := range servers {
		token, _ := addressToken(server.User)
		inAddress = inAddress || token != ""
	}
	for _, c := range []struct {
		found        bool
		kind         error
		what, reason string
	}{
		{o.UserInfo != nil && (o.User != "" || o.Password != ""), ErrUserInfoAlreadySet, "UserInfoHandler", "is set beside a user or password"},
		{o.TokenHandler != nil && o.Token != "", ErrTokenAlreadySet, "TokenHandler", "is set beside a token"},
		{o.TokenHandler != nil && inAddress, ErrTokenAlreadySet, "TokenHandler", "is set beside a token in an address"},
		{o.UserJWT != nil && o.Nkey != "", ErrNkeyAndUser, "Nkey", "is set beside a JWT"},
		{o.UserJWT != nil && o.SignatureCB == nil, ErrUserButNoSigCB, "UserJWT", "has nothing to ask for the signature"},
		{o.Nkey != "" && o.SignatureCB == nil, ErrNkeyButNoSigCB, "Nkey", "has nothing to ask for the signature"},
		{o.Nkey != "" && !nkeys.IsValidPublicUserKey(o.Nkey), ErrInvalidArg, "Nkey", "is no user's public key"},
	} {
		if c.found {
			return &InvalidArgError{Kind: c.kind, What: "option " + c.what, Reason: c.reason}
		}
	}
	return nil
}

// addressToken returns the token in an address, which stands alone where otherwise
// user and password do.
func addressToken(user *url.Userinfo) (token string, ok bool) {
	if _, hasPassword := user.Password(); user == nil || hasPassword {
		return "", false
	}
	return user.Username(), true
}

// authenticate puts the credentials for one server into its CONNECT. Those in
// the server's address win over the options', but for the JWT.
func (o *Options) authenticate(ctx context.Context, server *url.URL, info *protocol.Info, hello *protocol.Connect) error {
	if o.NoEcho && info.Proto < 1 {
		return ErrNoEchoNotSupported
	}
	if token, ok := addressToken(server.User); ok {
		hello.AuthToken = token
	} else if server.User != nil {
		hello.User = server.User.Username()
		hello.Password, _ = server.User.Password()
	} else if err := o.fromOptions(ctx, info, hello); err != nil {
		return err
	}
	if err := o.fromTokenHandler(ctx, info, hello); err != nil {
		return err
	}
	return o.sign(ctx, info, hello)
}

var (
	errNoAnswer    error = kind.New("it returned nothing, and the server requires credentials", ErrCallbackFailed)
	errNoSignature error = kind.New("it returned no signature", ErrCallbackFailed)
)

// fromOptions takes the credentials that give way to those of an address.
func (o *Options) fromOptions(ctx context.Context, info *protocol.Info, hello *protocol.Connect) error {
	hello.User, hello.Password, hello.AuthToken, hello.Nkey = o.User, o.Password, o.Token, o.Nkey
	if hello.Nkey != "" && info.Nonce == "" {
		return ErrNkeysNotSupported
	}
	if o.UserInfo == nil {
		return nil
	}
	type login struct{ user, password string }
	answer, err := actors.Ask(ctx, "UserInfo", func() (login, error) {
		user, password := o.UserInfo()
		if user == "" && password == "" && info.AuthRequired {
			return login{}, errNoAnswer
		}
		return login{user, password}, nil
	})
	hello.User, hello.Password = answer.user, answer.password
	return err
}

func (o *Options) fromTokenHandler(ctx context.Context, info *protocol.Info, hello *protocol.Connect) (err error) {
	if o.TokenHandler == nil {
		return nil
	}
	if hello.AuthToken != "" {
		return ErrTokenAlreadySet
	}
	hello.AuthToken, err = actors.Ask(ctx, "TokenHandler", func() (string, error) {
		token := o.TokenHandler()
		if token == "" && info.AuthRequired {
			return "", errNoAnswer
		}
		return token, nil
	})
	return err
}

// sign adds the JWT, and the signature that it or the nkey needs.
func (o *Options) sign(ctx context.Context, info *protocol.Info, hello *protocol.Connect) (err error) {
	if o.UserJWT != nil {
		if hello.JWT, err = askJWT(ctx, o.UserJWT); err != nil {
			return err
		}
	}
	if hello.JWT == "" && hello.Nkey == "" {
		return nil
	}
	signature, err := actors.Ask(ctx, "SignatureCB", func() ([]byte, error) {
		signature, err := o.SignatureCB([]byte(info.Nonce))
		if err == nil && len(signature) == 0 && hello.Nkey != "" {
			err = errNoSignature
		}
		return signature, err
	})
	hello.Signature = base64.RawURLEncoding.EncodeToString(signature)
	return err
}

// askJWT returns what cb does, if it looks like a JWT.
func askJWT(ctx context.Context, cb UserJWTHandler) (string, error) {
	return actors.Ask(ctx, "UserJWT", func() (string, error) {
		token, err := cb()
		if err == nil {
			err = checkJWT(token)
		}
		return token, err
	})
}
