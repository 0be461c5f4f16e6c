using System.CommandLine;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>How long a server process lives: until it is told to end, and, if it was started by a supervisor, not longer than that.</summary>
internal static class ServerLife
{
    private static readonly TimeSpan ForcedEnd = TimeSpan.FromSeconds(20);

    internal static Option<bool> EndWithStdin { get; } = new("--end-with-stdin")
    {
        Description = "End when stdin does: a supervisor that is killed takes its processes with it.",
    };

    /// <summary>Waits for the end.</summary>
    /// <param name="withStdin">Whether the end of stdin is one.</param>
    /// <param name="cancellation">SIGINT or SIGTERM.</param>
    internal static async Task UntilEndAsync(bool withStdin, CancellationToken cancellation)
    {
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = cancellation.Register(() => end.TrySetResult());
        if (withStdin) new Thread(() => ReadToEnd(end)) { IsBackground = true, Name = "stdin" }.UnsafeStart();
        await end.Task;
        // Whatever goes wrong from here on, the process ends.
        new Thread(() =>
        {
            Thread.Sleep(ForcedEnd);
            Console.Error.WriteLine($"Process {Environment.ProcessId} did not end within {ForcedEnd.TotalSeconds} s.");
            Environment.Exit(3);
        }) { IsBackground = true, Name = "forced end" }.UnsafeStart();
    }

    private static void ReadToEnd(TaskCompletionSource end)
    {
        var buffer = new byte[256];
        using var stdin = Console.OpenStandardInput();
        try
        {
            while (stdin.Read(buffer) > 0) { }
        }
        catch (IOException)
        {
            // An end like another.
        }
        end.TrySetResult();
    }
}
