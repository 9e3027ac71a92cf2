using Abi.Testing;

return ChildProcess.Serve(args);
