namespace Nixl.Sdk.Serve;

/// <summary>A request of the load.</summary>
/// <param name="Number">Its place in the set.</param>
/// <param name="Text">The prompt; ASCII, so that a byte is a character.</param>
/// <param name="MaxTokens">The longest answer.</param>
/// <param name="SharesPrefix">Whether it begins like others of the set.</param>
internal sealed record ServePrompt(int Number, string Text, int MaxTokens, bool SharesPrefix)
{
    /// <summary>The text's bytes, and the token that begins a text.</summary>
    internal int PromptTokens => Text.Length + 1;
}
