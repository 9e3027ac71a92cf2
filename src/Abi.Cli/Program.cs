using System.Runtime.InteropServices;
using Abi.Cli;
using Abi.Cli.Terminal;

using var console = CliConsole.OfProcess();
using var stop = new CancellationTokenSource();
var isStopping = false;

// The first signal ends the command in good order; a second one is the system's own way.
void Stop(PosixSignalContext signal)
{
    signal.Cancel = !isStopping;
    isStopping = true;
    stop.Cancel();
}

using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
return await CliApplication.RunAsync(args, console, stop.Token).ConfigureAwait(false);
