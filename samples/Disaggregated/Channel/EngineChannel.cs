using System.IO.Pipelines;
using System.Text;
using System.Text.Json;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// Messages as lines, over a process's standard streams or over pipes within one process. Several may send at once; one receives.
/// </summary>
internal sealed class EngineChannel : IDisposable
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private readonly SemaphoreSlim _sending = new(1);
    private readonly StreamReader _reader;
    private readonly StreamWriter _writer;

    private EngineChannel(Stream input, Stream output)
    {
        _reader = new StreamReader(input, Utf8);
        _writer = new StreamWriter(output, Utf8) { NewLine = "\n" };
    }

    /// <summary>This process's stdin and stdout: the engine's end.</summary>
    internal static EngineChannel OfThisProcess() => new(Console.OpenStandardInput(), Console.OpenStandardOutput());

    /// <summary>A child's stdin and stdout: the driver's end.</summary>
    internal static EngineChannel Of(Stream input, Stream output) => new(input, output);

    /// <summary>Both ends within one process.</summary>
    internal static (EngineChannel Driver, EngineChannel Engine) Pair()
    {
        Pipe toEngine = new(), toDriver = new();
        return (new EngineChannel(toDriver.Reader.AsStream(), toEngine.Writer.AsStream()),
            new EngineChannel(toEngine.Reader.AsStream(), toDriver.Writer.AsStream()));
    }

    /// <summary>Sends one message.</summary>
    /// <exception cref="IOException">The other side is gone.</exception>
    internal async Task SendAsync(EngineMessage message, CancellationToken cancellation)
    {
        var line = JsonSerializer.Serialize(message, EngineMessageJson.Default.EngineMessage);
        await _sending.WaitAsync(cancellation);
        try
        {
            await _writer.WriteLineAsync(line.AsMemory(), cancellation);
            await _writer.FlushAsync(cancellation);
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>The next message; null once the other side has ended.</summary>
    /// <exception cref="InvalidDataException">A line is no message.</exception>
    internal async Task<EngineMessage?> ReceiveAsync(CancellationToken cancellation)
    {
        var line = await _reader.ReadLineAsync(cancellation);
        if (line is null) return null;
        try
        {
            return JsonSerializer.Deserialize(line, EngineMessageJson.Default.EngineMessage) ?? throw new InvalidDataException("A line is null.");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw new InvalidDataException($"Not a message: {(line.Length > 200 ? line[..200] + "…" : line)}", e);
        }
    }

    public void Dispose()
    {
        try
        {
            _writer.Dispose();
        }
        catch (IOException)
        {
            // The other side is gone, which is how most channels end.
        }
        _reader.Dispose();
        _sending.Dispose();
    }
}
