using System.Text;

namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// Ids 0–255 are the bytes of UTF-8 text, 256 begins a text, 257 ends it. A prompt is BOS and its bytes. Immutable.
/// </summary>
public sealed class ByteTokenizer : ITokenizer
{
    /// <summary>Begins a text.</summary>
    public const int Bos = 256;

    /// <summary>Ends a text.</summary>
    public const int Eos = 257;

    /// <inheritdoc/>
    public int VocabularySize => 258;

    /// <inheritdoc/>
    public int[] Encode(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var tokens = new int[bytes.Length + 1];
        tokens[0] = Bos;
        for (var i = 0; i < bytes.Length; i++) tokens[i + 1] = bytes[i];
        return tokens;
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> tokens)
    {
        var stream = new Stream();
        var text = new StringBuilder();
        foreach (var token in tokens) text.Append(stream.Append(token));
        return text.Append(stream.Finish()).ToString();
    }

    /// <inheritdoc/>
    public ITokenStream CreateStream() => new Stream();

    private sealed class Stream : ITokenStream
    {
        private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
        private readonly char[] _characters = new char[4];

        public string Append(int token)
        {
            if (token is < 0 or > Eos) throw new ArgumentOutOfRangeException(nameof(token), $"Token {token}; ids are 0 to {Eos}.");
            return token > byte.MaxValue ? "" : Take([(byte)token], flush: false);
        }

        public string Finish() => Take([], flush: true);

        private string Take(ReadOnlySpan<byte> bytes, bool flush) => new(_characters, 0, _decoder.GetChars(bytes, _characters, flush));
    }
}
