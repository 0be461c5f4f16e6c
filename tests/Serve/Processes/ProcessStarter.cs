using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Serve;

/// <summary>
/// Starts processes that do not outlive this one, however it ends: the kernel kills them with their parent. To the kernel the parent is the thread
/// that has started them, so that one thread starts them all and lives as long as the program.
/// </summary>
internal static class ProcessStarter
{
    private static readonly BlockingCollection<Action> Work = [];
    private static readonly ConcurrentDictionary<int, Process> Running = [];
    private static readonly List<PosixSignalRegistration> Handlers = [];

    static ProcessStarter() => new Thread(() =>
    {
        foreach (var start in Work.GetConsumingEnumerable()) start();
    }) { IsBackground = true, Name = "process starter" }.Start();

    /// <summary>Ctrl-C and the like end the processes first; for programs that handle no signals themselves.</summary>
    internal static void EndWithSignals()
    {
        foreach (var signal in (PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP])
        {
            Handlers.Add(PosixSignalRegistration.Create(signal, _ =>
            {
                foreach (var process in Running.Keys) Signals.Send(process, Signal.Kill);
                Environment.Exit(130);
            }));
        }
    }

    /// <summary>Starts a program with its output redirected.</summary>
    internal static Task<Process> StartAsync(string program, IEnumerable<string> arguments)
    {
        var started = new TaskCompletionSource<Process>(TaskCreationOptions.RunContinuationsAsynchronously);
        var start = new ProcessStartInfo("setpriv", ["--pdeathsig", "KILL", program, .. arguments])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
        };
        start.Environment.Remove(InlineSockets.Variable); // this program's own: what it measures with
        Work.Add(() =>
        {
            try
            {
                var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} was not started.");
                Running[process.Id] = process;
                started.SetResult(process);
            }
            catch (Exception e)
            {
                started.SetException(e);
            }
        });
        return started.Task;
    }

    internal static void Forget(Process process) => Running.TryRemove(process.Id, out _);
}
