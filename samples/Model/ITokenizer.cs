namespace Nixl.Sdk.Samples.Model;

/// <summary>Text to token ids and back. The seam where a Hugging Face tokenizer would be put for another checkpoint.</summary>
public interface ITokenizer
{
    /// <summary>Number of ids.</summary>
    int VocabularySize { get; }

    /// <summary>The tokens of a prompt, with what the model wants before it.</summary>
    int[] Encode(string text);

    /// <summary>The text of tokens; what is no text (begin, end) is left out.</summary>
    string Decode(ReadOnlySpan<int> tokens);

    /// <summary>A decoder for tokens that come one by one.</summary>
    ITokenStream CreateStream();
}

/// <summary>Turns tokens that come one by one into text; keeps what is not yet a whole character. Not thread-safe.</summary>
public interface ITokenStream
{
    /// <summary>The text that this token completes; may be empty.</summary>
    string Append(int token);

    /// <summary>What is left at the end, as replacement characters.</summary>
    string Finish();
}
