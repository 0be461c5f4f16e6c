using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Nixl.Sdk.Bench.Processes;

/// <summary>The processes that this one has started; none outlives it. Their input ends with us, and Ctrl-C or a kill ends them at once.</summary>
internal static class ChildProcesses
{
    private static readonly HashSet<Process> Running = [];
    private static readonly List<PosixSignalRegistration> Signals = [];

    public static void EndWithThisProcess()
    {
        AppDomain.CurrentDomain.ProcessExit += (_, _) => EndAll();
        foreach (var signal in (PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP])
        {
            Signals.Add(PosixSignalRegistration.Create(signal, _ =>
            {
                EndAll();
                Environment.Exit(130);
            }));
        }
    }

    public static Process Start(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false };
        var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} was not started.");
        lock (Running)
            Running.Add(process);
        return process;
    }

    public static void End(Process process)
    {
        lock (Running)
            Running.Remove(process);
        try
        {
            process.StandardInput.Close();
            if (!process.WaitForExit(TimeSpan.FromSeconds(5)))
                process.Kill(entireProcessTree: true);
            process.WaitForExit(); // Its processor time counts as ours from here on.
        }
        catch (Exception exception) when (exception is InvalidOperationException or IOException)
        {
            // It had ended.
        }

        process.Dispose();
    }

    private static void EndAll()
    {
        lock (Running)
        {
            foreach (var process in Running.Where(process => !process.HasExited))
                process.Kill(entireProcessTree: true);
            Running.Clear();
        }
    }
}
