using System.Text;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>One answer while it is made. Owned by the engine's compute task.</summary>
internal sealed class DecodeSequence
{
    private readonly ITokenStream _stream;
    private readonly IReadOnlyList<int> _ends;
    private readonly int _maxNewTokens;
    private readonly StringBuilder _text = new();

    private DecodeSequence(SubmitMessage submit, ModelHandle model, int promptTokens, int blocksNeeded)
    {
        Request = submit.Request;
        PromptTokens = promptTokens;
        BlocksNeeded = blocksNeeded;
        _stream = model.Tokenizer.CreateStream();
        _ends = model.Config.EosTokens;
        _maxNewTokens = submit.MaxNewTokens;
    }

    internal string Request { get; }

    internal int PromptTokens { get; }

    /// <summary>Blocks for the prompt and the longest answer.</summary>
    internal int BlocksNeeded { get; }

    /// <summary>The page table.</summary>
    internal int[] Blocks { get; set; } = [];

    /// <summary>The answer so far.</summary>
    internal List<int> Tokens { get; } = [];

    /// <summary>Why it ended, or null while it goes on.</summary>
    internal string? EndReason { get; private set; }

    /// <exception cref="ArgumentException">The request is longer than the model or the pool allows.</exception>
    internal static DecodeSequence Create(SubmitMessage submit, ModelHandle model, PagedKvCache cache)
    {
        var promptTokens = model.Tokenizer.Encode(submit.Prompt).Length;
        // The last token of an answer is never fed back, so it needs no place.
        var positions = promptTokens + submit.MaxNewTokens - 1;
        if (submit.MaxNewTokens < 1) throw new ArgumentException($"{submit.MaxNewTokens} new tokens; at least 1.");
        if (positions > model.Config.MaxPositions)
            throw new ArgumentException($"{promptTokens} prompt tokens and {submit.MaxNewTokens} new ones; the model was made for {model.Config.MaxPositions} positions.");
        if (cache.BlocksFor(positions) > cache.Blocks)
            throw new ArgumentException($"{positions} positions need {cache.BlocksFor(positions)} blocks; the pool has {cache.Blocks}.");
        return new DecodeSequence(submit, model, promptTokens, cache.BlocksFor(positions));
    }

    /// <summary>Adds a token and returns the text that it completes.</summary>
    internal string Append(int token)
    {
        Tokens.Add(token);
        EndReason = _ends.Contains(token) ? "end" : Tokens.Count == _maxNewTokens ? "length" : null;
        var text = _stream.Append(token);
        _text.Append(text);
        return text;
    }

    /// <summary>The whole text.</summary>
    internal string Finish() => _text.Append(_stream.Finish()).ToString();
}
