using System.Diagnostics;

namespace Nixl.Sdk.Bench.Processes;

/// <summary>A child process that answers each line with one line.</summary>
internal sealed class Conversation : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly string _name;

    public Conversation(string name, string program, params IEnumerable<string> arguments)
    {
        _name = name;
        _process = ChildProcesses.Start(program, arguments);
    }

    public async Task<string> AskAsync(string line, string expected)
    {
        await SayAsync(line);
        return await HearAsync(expected);
    }

    public async Task SayAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>The rest of a line that begins with the expected word.</summary>
    public async Task<string> HearAsync(string expected)
    {
        var line = await _process.StandardOutput.ReadLineAsync().WaitAsync(Patience)
            ?? throw new InvalidOperationException($"{_name} ended while it was to say '{expected}'; its errors are above.");
        return line == expected || line.StartsWith(expected + " ", StringComparison.Ordinal)
            ? line[expected.Length..].Trim()
            : throw new InvalidOperationException($"{_name} said '{line}' instead of '{expected}'.");
    }

    public void Dispose() => ChildProcesses.End(_process);
}
