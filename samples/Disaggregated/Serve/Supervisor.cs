using System.Diagnostics;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Keeps processes of this program running: what dies is started again, with back-off. They end with it, also if it is killed: their stdin does.</summary>
/// <param name="say">A line for a person. Any thread.</param>
/// <param name="started">Hears the name, the id and the first line of each process.</param>
/// <param name="exited">Hears the name and the id of each process that has ended, before it is started again.</param>
internal sealed class Supervisor(
    Action<string> say, Func<string, int, string, CancellationToken, Task> started, Func<string, int, CancellationToken, Task> exited) : IAsyncDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500), LongestPause = TimeSpan.FromSeconds(10), Healthy = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(8);

    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _children = [];

    /// <summary>Starts a process and keeps it running.</summary>
    /// <param name="name">What it is called.</param>
    /// <param name="arguments">Its arguments, asked for at each start.</param>
    /// <param name="must">Whether it is given up if it ends before its first line.</param>
    /// <returns>Its first line of output.</returns>
    /// <exception cref="EngineFailedException">It was given up.</exception>
    internal Task<string> StartAsync(string name, Func<IEnumerable<string>> arguments, bool must = false)
    {
        var first = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        _children.Add(Task.Run(() => KeepAsync(name, arguments, must, first)));
        return first.Task;
    }

    private async Task KeepAsync(string name, Func<IEnumerable<string>> arguments, bool must, TaskCompletionSource<string> first)
    {
        var pause = FirstPause;
        while (!_stop.IsCancellationRequested)
        {
            var began = Stopwatch.GetTimestamp();
            var (code, process) = await RunAsync(name, arguments(), first);
            if (_stop.IsCancellationRequested) break;
            await exited(name, process, _stop.Token);
            if (must && !first.Task.IsCompleted)
            {
                first.SetException(new EngineFailedException($"{name} ended with exit code {code} before it was there."));
                return;
            }
            if (Stopwatch.GetElapsedTime(began) > Healthy) pause = FirstPause;
            say($"{name} ended with exit code {code}; it is started again in {pause.TotalSeconds:0.#} s");
            await Task.Delay(pause, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LongestPause.Ticks));
        }
        first.TrySetCanceled();
    }

    private async Task<(int Code, int Process)> RunAsync(string name, IEnumerable<string> arguments, TaskCompletionSource<string> first)
    {
        using var process = OwnProgram.Start(arguments);
        var output = Task.Run(async () =>
        {
            var isNew = true;
            while (await process.StandardOutput.ReadLineAsync() is { } line)
            {
                say($"{line} (process {process.Id})");
                if (isNew) await started(name, process.Id, line, _stop.Token);
                isNew = false;
                first.TrySetResult(line);
            }
        });
        try
        {
            await process.WaitForExitAsync(_stop.Token);
        }
        catch (OperationCanceledException)
        {
            process.StandardInput.Close();
            using var grace = new CancellationTokenSource(Grace);
            await process.WaitForExitAsync(grace.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!process.HasExited)
            {
                say($"{name} (process {process.Id}) did not end within {Grace.TotalSeconds} s and is killed.");
                process.Kill(entireProcessTree: true);
                await process.WaitForExitAsync(CancellationToken.None);
            }
        }
        await output.WaitAsync(Grace).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return (process.ExitCode, process.Id);
    }

    /// <summary>Ends all of them, within seconds.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_children);
        _stop.Dispose();
    }
}
