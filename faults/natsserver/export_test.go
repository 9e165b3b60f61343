package natsserver

// OnLog replaces Options.Log for the next incarnation.
func (s *Server) OnLog(log func(level, line string)) { s.opts.Log = log }
