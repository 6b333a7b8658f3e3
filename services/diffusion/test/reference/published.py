"""What the models that people have say of themselves, as their authors published it on the Hugging Face
hub: `model_index.json`, `scheduler/scheduler_config.json`, the tokenizers' configurations, and which keys
the configurations of UNet and VAE have. Paths of the author's (`_name_or_path`, `special_tokens_map_file`)
are left out.

Each was held against a copy, named beside it: of the hub (ORG/NAME at a commit), or in a repository
on GitHub. (N bytes) is the size that the hub's file list gives, where only that was found: what is written
here, with the ids of CLIP's vocabulary, has it.
"""

LATENT_DIFFUSION = {"beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
                    "num_train_timesteps": 1000, "trained_betas": None}


def index(class_name: str, version: str, scheduler: str, **more) -> dict:
    return {"_class_name": class_name, "_diffusers_version": version,
            "scheduler": ["diffusers", scheduler], "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"], **more}


CHECKED = {"feature_extractor": ["transformers", "CLIPImageProcessor"],
           "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"]}
UNCHECKED = {"feature_extractor": ["transformers", "CLIPImageProcessor"],
             "requires_safety_checker": False, "safety_checker": [None, None]}
XL = {"force_zeros_for_empty_prompt": True,
      "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
      "tokenizer_2": ["transformers", "CLIPTokenizer"]}

START, END = "<|startoftext|>", "<|endoftext|>"
# In the vocabulary of the tiny networks; CLIP's own has 49406 and 49407.
START_ID, END_ID = 538, 539


def token(text: str, normalized: bool = True, **more) -> dict:
    return {"content": text, "lstrip": False, "normalized": normalized, "rstrip": False,
            "single_word": False, **more}


def special_tokens_map(pad) -> dict:
    return {"bos_token": token(START), "eos_token": token(END), "pad_token": pad, "unk_token": token(END)}


def tokenizer_of_2022(pad: str = END, mapped: str | None = None, **more) -> dict:
    """`mapped`: the padding that special_tokens_map.json names, where it is another."""
    kind = {"__type": "AddedToken"}
    config = {"add_prefix_space": False, "bos_token": token(START, **kind), "do_lower_case": True,
              "eos_token": token(END, **kind), "errors": "replace", "model_max_length": 77,
              "pad_token": pad, "tokenizer_class": "CLIPTokenizer", "unk_token": token(END, **kind), **more}
    return {"tokenizer_config": config, "special_tokens_map": special_tokens_map(mapped or pad)}


def tokenizer_of_2023(pad: str = END, mapped=None, **more) -> dict:
    """`mapped`: special_tokens_map.json, where the padding is not written as an object in it."""
    added = {START_ID: token(START, special=True), END_ID: token(END, special=True)}
    if pad != END:
        added = {0: token(pad, normalized=False, special=True), **added}
    config = {"add_prefix_space": False, "added_tokens_decoder": added, "bos_token": START,
              "clean_up_tokenization_spaces": True, "do_lower_case": True, "eos_token": END,
              "errors": "replace", "model_max_length": 77, "pad_token": pad,
              "tokenizer_class": "CLIPTokenizer", "unk_token": END, **more}
    return {"tokenizer_config": config,
            "special_tokens_map": mapped or special_tokens_map(token(pad, normalized=False))}


# Keys of unet/config.json and vae/config.json. None: those that diffusers writes today.
UNET_OF_2022 = """_class_name _diffusers_version act_fn attention_head_dim block_out_channels
    center_input_sample cross_attention_dim down_block_types downsample_padding flip_sin_to_cos freq_shift
    in_channels layers_per_block mid_block_scale_factor norm_eps norm_num_groups out_channels sample_size
    up_block_types""".split()
UNET_OF_2 = [*UNET_OF_2022, "dual_cross_attention", "use_linear_projection"]
VAE_OF_2022 = """_class_name _diffusers_version act_fn block_out_channels down_block_types in_channels
    latent_channels layers_per_block norm_num_groups out_channels sample_size up_block_types""".split()
VAE_OF_XL = [*VAE_OF_2022, "force_upcast", "scaling_factor"]

PUBLISHED = {
    # stable-diffusion-v1-5/stable-diffusion-v1-5, once runwayml/stable-diffusion-v1-5. All five files:
    # lllyasviel/stable-diffusion-webui-forge, backend/huggingface/runwayml/stable-diffusion-v1-5;
    # vladmandic/sdnext, configs/sd15.
    "sd-1.5": {
        "model_index": index("StableDiffusionPipeline", "0.6.0", "PNDMScheduler", **CHECKED),
        "scheduler": {**LATENT_DIFFUSION, "_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0",
                      "clip_sample": False, "set_alpha_to_one": False, "skip_prk_steps": True,
                      "steps_offset": 1},
        "tokenizer": tokenizer_of_2022(), "unet": UNET_OF_2022, "vae": VAE_OF_2022},
    # stabilityai/stable-diffusion-2-1. All five files: lllyasviel/stable-diffusion-webui-forge,
    # backend/huggingface/stabilityai/stable-diffusion-2-1. The tokenizer's two files name different
    # paddings.
    "sd-2.1": {
        "model_index": index("StableDiffusionPipeline", "0.8.0", "DDIMScheduler", **UNCHECKED),
        "scheduler": {**LATENT_DIFFUSION, "_class_name": "DDIMScheduler", "_diffusers_version": "0.8.0",
                      "clip_sample": False, "prediction_type": "v_prediction", "set_alpha_to_one": False,
                      "skip_prk_steps": True, "steps_offset": 1},
        "tokenizer": tokenizer_of_2022(mapped="!"),
        "unet": [*UNET_OF_2, "num_class_embeds", "only_cross_attention", "upcast_attention"],
        "vae": VAE_OF_2022},
    # stabilityai/stable-diffusion-2-inpainting. All five files: lllyasviel/stable-diffusion-webui-forge,
    # backend/huggingface/stabilityai/stable-diffusion-2-inpainting. The scheduler: the hub, at e6ef24f.
    "sd-2-inpainting": {
        "model_index": index("StableDiffusionInpaintPipeline", "0.8.0", "PNDMScheduler", **UNCHECKED),
        "scheduler": {**LATENT_DIFFUSION, "_class_name": "PNDMScheduler", "_diffusers_version": "0.8.0",
                      "clip_sample": False, "set_alpha_to_one": False, "skip_prk_steps": True,
                      "steps_offset": 1},
        "tokenizer": tokenizer_of_2022(mapped="!"), "unet": UNET_OF_2, "vae": VAE_OF_2022},
    # stabilityai/sd-turbo. model_index.json: the hub, at b335f73 (616 bytes). The scheduler: the hub, at
    # a07e586. The tokenizer (855 and 574 bytes). UNet and VAE were not found as published.
    "sd-turbo": {
        "model_index": index("StableDiffusionPipeline", "0.24.0.dev0", "EulerDiscreteScheduler",
                             feature_extractor=[None, None], image_encoder=[None, None],
                             requires_safety_checker=True, safety_checker=[None, None]),
        "scheduler": {**LATENT_DIFFUSION, "_class_name": "EulerDiscreteScheduler",
                      "_diffusers_version": "0.24.0.dev0", "clip_sample": False,
                      "interpolation_type": "linear", "prediction_type": "epsilon",
                      "set_alpha_to_one": False, "sigma_max": None, "sigma_min": None,
                      "skip_prk_steps": True, "steps_offset": 1, "timestep_spacing": "trailing",
                      "timestep_type": "discrete", "use_karras_sigmas": False},
        "tokenizer": tokenizer_of_2023("!"), "unet": None, "vae": None},
    # stabilityai/stable-diffusion-xl-base-1.0. All seven files: lllyasviel/stable-diffusion-webui-forge,
    # backend/huggingface/stabilityai/stable-diffusion-xl-base-1.0; HDRJ-One/stable-diffusion-xl-base-1.0.
    "sdxl-base": {
        "model_index": index("StableDiffusionXLPipeline", "0.19.0.dev0", "EulerDiscreteScheduler",
                             add_watermarker=None, **XL),
        "scheduler": {**LATENT_DIFFUSION, "_class_name": "EulerDiscreteScheduler",
                      "_diffusers_version": "0.19.0.dev0", "clip_sample": False,
                      "interpolation_type": "linear", "prediction_type": "epsilon",
                      "sample_max_value": 1.0, "set_alpha_to_one": False, "skip_prk_steps": True,
                      "steps_offset": 1, "timestep_spacing": "leading", "use_karras_sigmas": False},
        "tokenizer": tokenizer_of_2022(clean_up_tokenization_spaces=True),
        "tokenizer_2": tokenizer_of_2022("!", clean_up_tokenization_spaces=True),
        "unet": None, "vae": VAE_OF_XL},
    # stabilityai/sdxl-turbo. All seven files:
    # Guang000/Generative-Dataset-Distillation-Based-on-Diffusion-Model. The scheduler: the hub, at 647e47a.
    "sdxl-turbo": {
        "model_index": index("StableDiffusionXLPipeline", "0.24.0.dev0", "EulerAncestralDiscreteScheduler",
                             feature_extractor=[None, None], image_encoder=[None, None], **XL),
        "scheduler": {**LATENT_DIFFUSION, "_class_name": "EulerAncestralDiscreteScheduler",
                      "_diffusers_version": "0.24.0.dev0", "clip_sample": False,
                      "interpolation_type": "linear", "prediction_type": "epsilon",
                      "sample_max_value": 1.0, "set_alpha_to_one": False, "skip_prk_steps": True,
                      "steps_offset": 1, "timestep_spacing": "trailing"},
        "tokenizer": tokenizer_of_2023(), "unet": None, "vae": VAE_OF_XL,
        "tokenizer_2": tokenizer_of_2023("!", special_tokens_map("!"))},
    # SimianLuo/LCM_Dreamshaper_v7. model_index.json: dg845/diffusers-lcm-dev on the hub, by the author of the
    # published commit. The scheduler: the hub, at db41ea3 but for steps_offset, which a85df6a changed from 0
    # (539 bytes, both), as OpenVINO/LCM_Dreamshaper_v7-int8-ov, made from that commit, has it. The tokenizer: the
    # hub, at 2e5a9c5, its map (133 bytes). UNet and VAE were not found as published.
    "lcm-dreamshaper": {
        "model_index": index("LatentConsistencyModelPipeline", "0.22.0.dev0", "LCMScheduler",
                             requires_safety_checker=True, **CHECKED),
        "scheduler": {**LATENT_DIFFUSION, "_class_name": "LCMScheduler",
                      "_diffusers_version": "0.22.0.dev0", "clip_sample": False, "clip_sample_range": 1.0,
                      "dynamic_thresholding_ratio": 0.995, "original_inference_steps": 50,
                      "prediction_type": "epsilon", "rescale_betas_zero_snr": False,
                      "sample_max_value": 1.0, "set_alpha_to_one": True, "steps_offset": 1,
                      "thresholding": False, "timestep_spacing": "leading"},
        "tokenizer": tokenizer_of_2023(
            mapped={"bos_token": START, "eos_token": END, "pad_token": END, "unk_token": END},
            additional_special_tokens=[], tokenizer_file=None),
        "unet": None, "vae": None},
}
# As diffusers' own exporter wrote it: the revision "onnx" of runwayml/stable-diffusion-v1-5.
# model_index.json: julienkay/stable-diffusion-v1-5 on the hub.
ONNX = ["diffusers", "OnnxRuntimeModel"]
PUBLISHED["sd-legacy"] = PUBLISHED["sd-1.5"] | {"model_index": {
    "_class_name": "OnnxStableDiffusionPipeline", "_diffusers_version": "0.6.0",
    "feature_extractor": ["transformers", "CLIPFeatureExtractor"], "safety_checker": ONNX,
    "scheduler": ["diffusers", "PNDMScheduler"], "text_encoder": ONNX,
    "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ONNX, "vae_decoder": ONNX,
    "vae_encoder": ONNX}}
# Not published as such: with small tiles, and Stable Diffusion XL with a VAE that states mean and deviation.
PUBLISHED["sd-1.5-tiled"], PUBLISHED["sdxl-base-tiled"] = PUBLISHED["sd-1.5"], PUBLISHED["sdxl-base"]
PUBLISHED["sdxl-normalized"] = PUBLISHED["sdxl-base"] | {"vae": [*VAE_OF_XL, "latents_mean", "latents_std"]}
