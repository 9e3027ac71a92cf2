using System.Runtime.InteropServices;
using Abi.Cli;
using Abi.Cli.Terminal;

using var stop = new CancellationTokenSource();
using var console = CliConsole.OfProcess(stop.Token);
var isStopping = false;

// Ctrl-C ends what the command lets it end alone, if there is such a thing. Otherwise the first signal ends the command in good order; a second one is the system's own way.
void Stop(PosixSignalContext signal)
{
    if (signal.Signal == PosixSignal.SIGINT && !isStopping && console.TryInterrupt())
    {
        signal.Cancel = true;
        return;
    }

    signal.Cancel = !isStopping;
    isStopping = true;
    stop.Cancel();
}

using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
return await CliApplication.RunAsync(args, console, stop.Token).ConfigureAwait(false);
