using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Nixl.Sdk.Tests.Support;

/// <summary>tests/PeerProcess, spoken to in lines. Killed when disposed, whatever happened.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Task<string> _errors;
    private bool _disposed;

    private ChildProcess(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    public int Id => _process.Id;

    public static ChildProcess Start(params string[] arguments) => StartWith(null, arguments);

    public static ChildProcess StartWith((string Name, string Value)? environment, params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileName(host) == "dotnet" ? host : "dotnet")
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        if (environment is { } variable)
            start.Environment[variable.Name] = variable.Value;
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "PeerProcess.dll"));
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        return new ChildProcess(Process.Start(start)!);
    }

    /// <summary>A command and the first word of its answer; returns the rest of the answer.</summary>
    public async Task<string> AskAsync(string command, string answer)
    {
        await _process.StandardInput.WriteLineAsync(command).SoonAsync();
        await _process.StandardInput.FlushAsync().SoonAsync();
        return await ExpectAsync(answer);
    }

    public async Task<string> ExpectAsync(string answer)
    {
        var line = await ReadLineAsync(Deadlines.Soon);
        Assert.StartsWith(answer, line, StringComparison.Ordinal);
        return line[answer.Length..].TrimStart();
    }

    public async Task<string> ReadLineAsync(TimeSpan deadline)
    {
        var line = await _process.StandardOutput.ReadLineAsync().WaitAsync(deadline);
        if (line is null)
            Assert.Fail($"the child ended: {await _errors.SoonAsync()}");
        return line;
    }

    /// <summary>All that it wrote to stderr until its end.</summary>
    public Task<string> ErrorsAsync() => _errors.SoonAsync();

    /// <summary>SIGKILL: no goodbye.</summary>
    public void Kill() => _process.Kill();

    /// <summary>SIGSTOP: it hangs, and its connections live. Dispose the result for SIGCONT.</summary>
    public IDisposable Stop()
    {
        Assert.Equal(0, Signal(Id, 19));
        return new Stopped(Id);
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
            return;
        _disposed = true;
        if (!_process.HasExited)
            _process.Kill();
        await _process.WaitForExitAsync().SoonAsync();
        _process.Dispose();
    }

    private sealed class Stopped(int process) : IDisposable
    {
        public void Dispose() => Assert.Equal(0, Signal(process, 18));
    }

#pragma warning disable CA5392, SYSLIB1054 // libc.
    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Signal(int process, int signal);
#pragma warning restore CA5392, SYSLIB1054
}
