using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Nixl.Sdk.Engine.Tests.Router;

/// <summary><c>serve</c> as its user runs it: a supervisor, a router and engines, each a process of its own.</summary>
internal sealed partial class ServeProcess : IAsyncDisposable
{
    private readonly ConcurrentQueue<string> _output = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<string, int> _processes = new();

    private ServeProcess(Process supervisor)
    {
        Supervisor = supervisor;
        supervisor.OutputDataReceived += (_, line) => Read(line.Data);
        supervisor.ErrorDataReceived += (_, line) => _output.Enqueue(line.Data ?? "");
        supervisor.BeginOutputReadLine();
        supervisor.BeginErrorReadLine();
    }

    internal Process Supervisor { get; }

    internal Uri Url { get; private set; } = null!;

    internal string Output => string.Join("\n", _output);

    /// <summary>Process ids by name: router, prefill-0, …; the newest ones.</summary>
    internal IReadOnlyDictionary<string, int> Processes => _processes;

    /// <summary>Starts it on a free port and waits until it is ready.</summary>
    internal static async Task<ServeProcess> StartAsync(params string[] arguments)
    {
        Skip.IfNot(File.Exists(Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "libnixlsdk.so")), "the native library is not built");
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, "Disaggregated.dll"), "serve", "--listen", "127.0.0.1:0", .. arguments])
            start.ArgumentList.Add(argument);
        var serve = new ServeProcess(Process.Start(start)!);
        if (await Task.WhenAny(serve._ready.Task, Task.Delay(2 * Wait.Long)) == serve._ready.Task) return serve;
        var output = serve.Output;
        await serve.DisposeAsync();
        throw new TimeoutException($"serve was not ready:\n{output}");
    }

    /// <summary>kill -9: no farewell.</summary>
    internal void Kill(string name)
    {
        using var victim = Process.GetProcessById(_processes[name]);
        victim.Kill();
    }

    /// <summary>What a terminal's Ctrl-C or a service manager does.</summary>
    internal void Terminate()
    {
        using var kill = Process.Start("kill", ["-TERM", Supervisor.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    internal static bool Runs(int process)
    {
        try
        {
            // A process that nobody waits for stays as a zombie where the test runs without an init process.
            return !File.ReadAllText($"/proc/{process}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private void Read(string? line)
    {
        if (line is null) return;
        _output.Enqueue(line);
        if (Started().Match(line) is { Success: true } match) _processes[match.Groups[1].Value] = int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture);
        if (line.StartsWith("page ", StringComparison.Ordinal)) Url = new Uri(line["page ".Length..].Trim());
        if (line.StartsWith("ready ", StringComparison.Ordinal)) _ready.TrySetResult();
    }

    public async ValueTask DisposeAsync()
    {
        if (!Supervisor.HasExited) Terminate();
        try
        {
            await Supervisor.WaitForExitAsync().WaitAsync(Wait.Long);
        }
        finally
        {
            if (!Supervisor.HasExited) Supervisor.Kill(entireProcessTree: true);
            Supervisor.Dispose();
        }
    }

    [GeneratedRegex(@"^(\S+) http://\S+ \(process (\d+)\)$")]
    private static partial Regex Started();
}
