using System.Text;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>The text of one answer while it is made. Owned by the engine's compute task.</summary>
internal sealed class DecodeAnswer(string request, Sequence sequence, ITokenizer tokenizer)
{
    private readonly ITokenStream _stream = tokenizer.CreateStream();
    private readonly StringBuilder _text = new();

    internal string Request => request;

    internal Sequence Sequence => sequence;

    /// <summary>Adds a token and returns the text that it completes.</summary>
    internal string Append(int token)
    {
        var text = _stream.Append(token);
        _text.Append(text);
        return text;
    }

    /// <summary>The message that ends it.</summary>
    internal FinishedMessage Finish() => new(
        request, sequence.NewTokens.ToArray(), _text.Append(_stream.Finish()).ToString(), sequence.FinishReason == FinishReason.Stop ? "end" : "length");
}
