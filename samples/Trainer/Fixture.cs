using System.Text;
using System.Text.Json;
using TorchSharp;

namespace Nixl.Sdk.Samples.Trainer;

/// <summary>Writes what TorchSharp computes from an exported model, for the engine's tests to be compared with.</summary>
internal static class Fixture
{
    private static readonly string[] Prompts =
    [
        "In the beginning God created the heaven and the earth.",
        "And",
        "The LORD is my shepherd; I shall not want. He maketh me to lie down in green pastures: he leadeth me beside the still waters. "
            + "He restoreth my soul: he leadeth me in the paths of righteousness for his name's sake. Yea, though I walk through the valley of the shadow of death",
    ];

    internal static void Write(string model, string output, ModelShape shape)
    {
        using var scope = torch.NewDisposeScope();
        using var noGrad = torch.no_grad();
        using var network = new LlamaNetwork(shape);
        Checkpoint.Load(model, network);
        var cases = Prompts.Select(prompt =>
        {
            long[] tokens = [Corpus.Bos, .. Encoding.UTF8.GetBytes(prompt).Select(b => (long)b)];
            var logits = network.Forward(torch.tensor(tokens).view(1, tokens.Length)).select(1, tokens.Length - 1);
            return new { prompt, logits = logits.reshape(-1).data<float>().ToArray() };
        }).ToArray();
        File.WriteAllText(output, JsonSerializer.Serialize(new { cases }) + "\n");
    }
}
