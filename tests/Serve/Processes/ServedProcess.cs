using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Nixl.Sdk.Serve;

/// <summary>One life of an engine or of the router. What it prints is kept in a file, with the time.</summary>
internal sealed partial class ServedProcess : IAsyncDisposable
{
    // An engine drains for some seconds, and is ended by itself 20 s later at the latest.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly StreamWriter _log;
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource<Uri> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ServedProcess(Process process, string logFile)
    {
        (_process, Id) = (process, process.Id);
        _log = new StreamWriter(logFile, append: true) { AutoFlush = true };
        Note($"process {Id} starts");
        process.OutputDataReceived += (_, line) => Printed(line.Data);
        process.ErrorDataReceived += (_, line) => Note(line.Data);
        process.EnableRaisingEvents = true;
        process.Exited += (_, _) => _listening.TrySetException(new InvalidOperationException($"It ended before it listened. {logFile}:\n{Tail(logFile, 20)}"));
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    internal int Id { get; }

    internal bool IsStopped { get; private set; }

    internal bool HasExited => _process.HasExited;

    /// <summary>The address that it has printed; fails if it ends before.</summary>
    internal Task<Uri> Listening => _listening.Task;

    /// <param name="arguments">Of the program Disaggregated.</param>
    /// <param name="logFile">What it prints is appended there.</param>
    internal static async Task<ServedProcess> StartAsync(IEnumerable<string> arguments, string logFile) =>
        new(await ProcessStarter.StartAsync("dotnet", [Path.Combine(AppContext.BaseDirectory, "Disaggregated.dll"), .. arguments]), logFile);

    internal void Send(Signal signal)
    {
        Note($"process {Id} gets {signal}");
        if (signal is Signal.Stop or Signal.Continue) IsStopped = signal == Signal.Stop;
        if (!_process.HasExited) Signals.Send(Id, signal);
    }

    /// <returns>False if it still runs.</returns>
    internal async Task<bool> WaitForExitAsync(TimeSpan limit)
    {
        try
        {
            await _process.WaitForExitAsync().WaitAsync(limit);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Asks it to end, and kills it if it does not.</summary>
    internal async Task<bool> TerminateAsync()
    {
        if (IsStopped) Send(Signal.Continue);
        Send(Signal.Terminate);
        if (await WaitForExitAsync(Grace)) return true;
        await KillAsync();
        return false;
    }

    internal async Task KillAsync()
    {
        Send(Signal.Kill);
        await _process.WaitForExitAsync();
    }

    /// <summary>The last lines of a log, which may still be written.</summary>
    internal static string Tail(string logFile, int lines)
    {
        using var reader = new StreamReader(new FileStream(logFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return string.Join('\n', reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(lines));
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) await TerminateAsync();
        ProcessStarter.Forget(_process);
        _process.Dispose();
        lock (_lock) _log.Dispose();
    }

    private void Printed(string? line)
    {
        Note(line);
        if (line is not null && Address().Match(line) is { Success: true } match) _listening.TrySetResult(new Uri(match.Value));
    }

    private void Note(string? line)
    {
        if (line is null) return;
        lock (_lock)
        {
            if (_log.BaseStream is { CanWrite: true }) _log.WriteLine($"{DateTime.UtcNow.ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture)} {line}");
        }
    }

    [GeneratedRegex(@"http://[^\s/,;]+")]
    private static partial Regex Address();
}
